"""Where a list goes on: after the last item's (order value, id). Every database gives the same cursors."""

import base64
import json
import math
from typing import Any

from shared.errors import FieldError, InvalidInput

LARGEST_EXACT = 2**53
"""Beyond it a number in JSON is not the same in every program (RFC 8259, section 6)."""

Position = tuple[str | int | float, str]


def encode_cursor(value: str | int | float, document_id: str) -> str:
    """The cursor behind the item with this order value and id."""
    return base64.urlsafe_b64encode(json.dumps([value, document_id]).encode()).decode()


def decode_cursor(cursor: str | None) -> Position | None:
    """The (order value, id) to go on after; None at the start. Raises `InvalidInput` (code `invalid_cursor`)."""
    if cursor is None:
        return None
    try:
        decoded: Any = json.loads(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
        value, document_id = decoded
        if _can_be_compared(value) and isinstance(document_id, str) and _is_text(document_id):
            return value, document_id
    except (TypeError, ValueError, RecursionError):
        pass  # refused below, as everything else that we did not make
    fault = FieldError("cursor", "must be the nextCursor of a page of this list, as it was given")
    raise InvalidInput("The cursor is not one that this service gave.", code="invalid_cursor", errors=(fault,))


def _can_be_compared(value: object) -> bool:
    if isinstance(value, str):
        return _is_text(value)
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_EXACT


def _is_text(value: str) -> bool:
    """Whether the text can be sent: JSON can name half a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
