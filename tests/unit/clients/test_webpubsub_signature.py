"""Signatures of upstream events."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.realtime.upstream import verify_signature

CONNECTION = "0f9c97a2f0bf4706afe87a14e0797b11"
# printf %s 0f9c97a2f0bf4706afe87a14e0797b11 | openssl dgst -sha256 -hmac primary
SIGNED_BY_OPENSSL = "32231f3a12c8ad3b9986728c0f6fcbe4fbaf3b23e07b75dfded0ab3a6415cf57"


def sign(key: str, connection_id: str = CONNECTION) -> str:
    return "sha256=" + hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()


def test_the_signature_of_either_key_is_accepted():
    header = f"{sign('primary')},{sign('secondary')}"
    assert verify_signature(CONNECTION, f"sha256={SIGNED_BY_OPENSSL}", ["primary"])
    assert verify_signature(CONNECTION, header, ["primary"])
    assert verify_signature(CONNECTION, header, ["other", "secondary"])
    assert verify_signature(CONNECTION, sign("primary").upper().replace("SHA", "sha"), ["primary"])


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        (sign("foreign"), ["primary", "secondary"]),
        (sign("primary", "another-connection"), ["primary"]),
        (sign("primary"), []),
        (sign("primary").removeprefix("sha256="), ["primary"]),
        (sign("primary")[:-1], ["primary"]),
        ("", ["primary"]),
        ("sha256=", [""]),
    ],
)
def test_everything_else_is_refused(header: str, keys: list[str]):
    assert not verify_signature(CONNECTION, header, keys)


@given(st.text(), st.text())
def test_no_header_can_break_the_check(connection_id: str, header: str):
    assert not verify_signature(connection_id, header, ["primary"])
