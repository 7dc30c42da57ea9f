"""That Smartsheet refused somebody's token is remembered, wherever it comes out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shared.errors import AppError, Unauthorized
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.telemetry import get_logger

log = get_logger(__name__)


@asynccontextmanager
async def noting_refusal(identity: Identity, caller: Caller) -> AsyncGenerator[None, None]:
    """Around work with the caller's token. What the block raises goes on."""
    try:
        yield
    except Unauthorized as error:
        if error.code == "needs_sign_in":
            await _note(identity, caller)
        raise


async def _note(identity: Identity, caller: Caller) -> None:
    """What cannot be noted now is found out again by the next call."""
    try:
        await identity.token_refused(caller)
    except AppError as error:
        log.warning("that the token of user %s was refused is not noted (%s)", caller.user_id, error.code)
