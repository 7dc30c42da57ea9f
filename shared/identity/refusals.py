"""A refusal of somebody's token by Smartsheet is looked into, wherever it comes out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shared.errors import Unauthorized, UpstreamUnavailable
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.telemetry import get_logger

log = get_logger(__name__)

_AGAIN_AFTER_SECONDS = 1.0


@asynccontextmanager
async def noting_refusal(identity: Identity, caller: Caller) -> AsyncGenerator[None, None]:
    """Around work with the caller's token. What the block raises goes on, but for a refusal that does not stand.

    That one is raised as `UpstreamUnavailable` (`token_renewed`): the same work can be done with the token that the
    person has now. So is, with another code, one that cannot be looked into.
    """
    try:
        yield
    except Unauthorized as error:
        if error.code != "needs_sign_in" or await identity.token_refused(caller):
            raise
        log.info("a refusal of user %s's token does not stand", caller.user_id)
        raise UpstreamUnavailable(
            "Your Smartsheet token was renewed meanwhile; try again.",
            code="token_renewed",
            retry_after_seconds=_AGAIN_AFTER_SECONDS,
        ) from error
