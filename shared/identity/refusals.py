"""That Smartsheet refused somebody's token is remembered, wherever it comes out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shared.errors import Unauthorized
from shared.identity.models import Caller
from shared.identity.ports import Identity


@asynccontextmanager
async def noting_refusal(identity: Identity, caller: Caller) -> AsyncGenerator[None, None]:
    """Around work with the caller's token. What the block raises goes on."""
    try:
        yield
    except Unauthorized as error:
        if error.code == "needs_sign_in":
            await identity.token_refused(caller)
        raise
