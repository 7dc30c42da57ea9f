"""A key that wraps data keys, without a key."""

from shared.clients.token_vault import KeyLost
from shared.errors import UpstreamFault


class FakeKeyRing:
    """`KeyRing` that wraps by turning bytes around, and counts.

    `version` is the newest; `lost`: none works; with `unusable` ones nothing can be wrapped.
    """

    def __init__(self) -> None:
        self.version = "k1"
        self.unwrapped = 0
        self.lost = False
        self.unusable: set[str] = set()

    async def newest(self) -> str:
        return self.version

    async def wrap(self, key_id: str, data_key: bytes) -> bytes:
        if key_id in self.unusable:
            raise UpstreamFault("This key may not wrap.")
        return data_key[::-1]

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        if self.lost:
            raise KeyLost
        self.unwrapped += 1
        return wrapped[::-1]

    async def aclose(self) -> None:
        pass
