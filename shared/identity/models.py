"""The caller."""

import hashlib
from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.ids import UserId


@dataclass(frozen=True, slots=True)
class Caller:
    """The person on whose behalf something is done, with their Smartsheet token.

    `token_fingerprint` stands for the token where a key is needed (caches, access confirmations).
    """

    user_id: UserId
    token: SecretStr = field(repr=False)
    token_fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.token.get_secret_value().encode()).hexdigest()
        object.__setattr__(self, "token_fingerprint", digest[:16])
