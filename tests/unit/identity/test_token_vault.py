"""Tokens are locked up so that they open for their user and purpose only, and as long as the key is there."""

import asyncio
import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.clients.key_file import KeyFile
from shared.clients.token_vault import EnvelopeVault
from shared.errors import StorageFull, Unauthorized, UpstreamFault
from shared.identity.vault import Purpose, Sealed, WrappedKey
from shared.ids import UserId
from tests.fakes.key_ring import FakeKeyRing

ADA, BOB = UserId("ada"), UserId("bob")
SECRET = SecretStr("a-smartsheet-token")
TENANT = "https://api.smartsheet.com/2.0"


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file that the vault made; making one takes a while."""
    return tmp_path_factory.mktemp("keys") / "a folder" / "key.jwk"


@pytest.fixture
def vault(key_file: Path) -> EnvelopeVault:
    return EnvelopeVault(KeyFile(key_file), tenant=TENANT)


def jwk_in(path: Path) -> dict[str, str]:
    return json.loads(path.read_text())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def sealed(vault: EnvelopeVault) -> tuple[WrappedKey, Sealed]:
    key = await vault.new_key()
    return key, await vault.seal(key, SECRET, user_id=ADA, purpose="access")


async def opened(
    vault: EnvelopeVault, key: WrappedKey, secret: Sealed, user_id: UserId = ADA, purpose: Purpose = "access"
) -> str:
    return (await vault.open(key, secret, user_id=user_id, purpose=purpose)).get_secret_value()


async def refuses(
    vault: EnvelopeVault, key: WrappedKey, secret: Sealed, user_id: UserId = ADA, purpose: Purpose = "access"
) -> bool:
    with pytest.raises(Unauthorized) as raised:
        await opened(vault, key, secret, user_id, purpose)
    return raised.value.code == "needs_sign_in"


async def test_what_is_sealed_opens_also_in_another_process(vault: EnvelopeVault, key_file: Path):
    key, secret = await sealed(vault)
    assert await opened(vault, key, secret) == SECRET.get_secret_value()
    later = EnvelopeVault(KeyFile(key_file), tenant=TENANT)
    assert await opened(later, key, secret) == SECRET.get_secret_value()
    assert SECRET.get_secret_value() not in key.model_dump_json() + secret.model_dump_json()


async def test_the_same_secret_looks_different_each_time(vault: EnvelopeVault):
    key, first = await sealed(vault)
    second = await vault.seal(key, SECRET, user_id=ADA, purpose="access")
    assert (first.nonce, first.ciphertext) != (second.nonce, second.ciphertext)
    assert (await vault.new_key()).wrapped != key.wrapped


async def test_a_secret_that_was_moved_does_not_open(vault: EnvelopeVault, key_file: Path):
    key, secret = await sealed(vault)
    assert await refuses(vault, key, secret, user_id=BOB)
    assert await refuses(vault, key, secret, purpose="refresh")
    assert await refuses(EnvelopeVault(KeyFile(key_file), tenant="https://api.smartsheet.eu/2.0"), key, secret)
    assert await refuses(vault, await vault.new_key(), secret)


async def test_a_secret_that_was_changed_does_not_open(vault: EnvelopeVault):
    key, secret = await sealed(vault)
    flipped = secret.ciphertext[:-4] + ("AAA=" if secret.ciphertext[-4:] != "AAA=" else "BBB=")
    changes = [{"ciphertext": flipped}, {"ciphertext": "!"}, {"ciphertext": ""}, {"nonce": "AAAA"}, {"version": 2}]
    for change in changes:
        assert await refuses(vault, key, secret.model_copy(update=change))


async def test_a_data_key_that_was_changed_or_whose_key_is_gone_does_not_open(vault: EnvelopeVault):
    key, secret = await sealed(vault)
    for change in ({"wrapped": "AAAA"}, {"wrapped": "!"}, {"key_id": "file:another"}):
        assert await refuses(vault, key.model_copy(update=change), secret)


async def test_what_is_unwrapped_but_is_no_data_key_does_not_open():
    vault = EnvelopeVault(FakeKeyRing(), tenant=TENANT)
    key, secret = await sealed(vault)
    assert await refuses(vault, key.model_copy(update={"wrapped": "AAAA"}), secret)


async def test_the_key_file_is_its_owners_alone_and_holds_a_jwk(vault: EnvelopeVault, key_file: Path):
    key = await vault.new_key()
    assert mode_of(key_file) == 0o600
    jwk = jwk_in(key_file)
    assert (jwk["kty"], jwk["e"], len(jwk["n"])) == ("RSA", "AQAB", 512)
    assert key.key_id.startswith("file:")
    assert [file.name for file in key_file.parent.iterdir()] == ["key.jwk"]


async def test_a_key_file_that_others_can_read_is_refused(key_file: Path, vault: EnvelopeVault, tmp_path: Path):
    await vault.new_key()
    copy = tmp_path / "key.jwk"
    copy.write_text(json.dumps(jwk_in(key_file)))
    copy.chmod(0o604)
    with pytest.raises(UpstreamFault, match="chmod 600"):
        await KeyFile(copy).newest()


NONSENSE = json.dumps(dict.fromkeys(("n", "e", "d", "p", "q", "dp", "dq", "qi"), "AQAB") | {"kty": "RSA"})


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "7", '{"kty": "RSA", "n": "AQAB"}', '{"keys": [{}]}', '{"keys": []}', '{"keys": 7}', NONSENSE],
)
async def test_a_file_that_holds_no_key_is_not_overwritten(tmp_path: Path, content: str):
    file = tmp_path / "key.jwk"
    file.touch(0o600)
    file.write_text(content)
    with pytest.raises(UpstreamFault, match="holds no RSA key"):
        await KeyFile(file).newest()
    assert file.read_text() == content


async def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises((UpstreamFault, StorageFull)):
        await KeyFile(tmp_path / "file" / "key.jwk").newest()


async def test_two_processes_that_start_at_once_have_one_key(tmp_path: Path):
    path = tmp_path / "key.jwk"
    first, second = KeyFile(path), KeyFile(path)
    assert len(set(await asyncio.gather(first.newest(), second.newest()))) == 1


async def test_with_a_newer_key_data_keys_are_wrapped_anew_and_secrets_stay(key_file: Path, tmp_path: Path):
    old_vault = EnvelopeVault(KeyFile(key_file), tenant=TENANT)
    key, secret = await sealed(old_vault)
    assert await old_vault.rewrapped(key) is None
    other = tmp_path / "other.jwk"
    await KeyFile(other).newest()
    both = tmp_path / "both.jwk"
    both.touch(0o600)
    both.write_text(json.dumps({"keys": [jwk_in(other), jwk_in(key_file)]}))
    vault = EnvelopeVault(KeyFile(both), tenant=TENANT)
    newer = await vault.rewrapped(key)
    assert newer is not None and newer.key_id == await KeyFile(other).newest() != key.key_id
    after = EnvelopeVault(KeyFile(other), tenant=TENANT)  # the old key is gone
    assert await opened(after, newer, secret) == SECRET.get_secret_value()
    assert await refuses(after, key, secret)


async def test_unwrapped_keys_are_kept_for_some_minutes_and_not_without_bound():
    now = [0.0]
    ring = FakeKeyRing()
    vault = EnvelopeVault(ring, tenant=TENANT, clock=lambda: now[0])
    key, secret = await sealed(vault)
    for _ in range(3):
        await opened(vault, key, secret)
    assert ring.unwrapped == 0
    now[0] = 301
    await opened(vault, key, secret)
    assert ring.unwrapped == 1
    for _ in range(1_000):
        await vault.new_key()
    await opened(vault, key, secret)
    assert ring.unwrapped == 2
    now[0] = 700
    ring.lost = True
    assert await refuses(vault, key, secret)
