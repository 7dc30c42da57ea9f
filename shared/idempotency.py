"""Ids of resources that a POST creates: random, or, with an `Idempotency-Key`, the same for the same request."""

import hashlib
import uuid

from pydantic import BaseModel

from shared.errors import FieldError, InvalidInput
from shared.ids import UserId

_NAMESPACE = uuid.UUID("9b1f0f4e-0b0e-4f57-8f4e-5d2c1f1f6a10")


def resource_id(owner: UserId, route: str, key: str | None) -> str:
    """uuid5 of owner, route and key; a random uuid4 without a key."""
    return str(uuid.uuid4() if key is None else uuid.uuid5(_NAMESPACE, f"{owner}/{route}/{key}"))


def request_hash(request: BaseModel) -> str:
    """What tells two requests with the same key apart: SHA-256 of the canonical body."""
    return hashlib.sha256(request.model_dump_json().encode()).hexdigest()


def require_same_request(stored_hash: str, request: BaseModel) -> None:
    """Raises `InvalidInput` (`idempotency_key_reused`) when the key was used for another body."""
    if stored_hash != request_hash(request):
        fault = FieldError("Idempotency-Key", "was used with another body; choose a new one for this request")
        raise InvalidInput(
            "This Idempotency-Key was used for another request.", code="idempotency_key_reused", errors=(fault,)
        )
