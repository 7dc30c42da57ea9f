"""By their name it is known who listens, and with which login or API token they came."""

import pytest
from pydantic import SecretStr

from shared.identity.models import Caller, Person, Via
from shared.ids import UserId
from shared.realtime.listeners import listener_of, person_of

ADA = UserId("5f0f4c5e-5c5b-4c0e-9d3b-0c1f7f0b8e21")
TOKEN = SecretStr("token")


@pytest.mark.parametrize("via", ["login", "api_token"])
def test_the_name_leads_back_to_who_was_signed_in(via: Via):
    listener = listener_of(Caller(ADA, TOKEN, via, "hash-1"))
    assert person_of(listener) == Person(ADA, via, "hash-1")


def test_logins_of_one_person_differ():
    assert len({listener_of(Caller(ADA, TOKEN, "login", name)) for name in ("hash-1", "hash-2")}) == 2


def test_where_nobody_signs_in_it_is_the_users_id():
    assert listener_of(Caller(UserId("single"), TOKEN, "single")) == "single"
    assert person_of("single") == Person(UserId("single"), "single")


@pytest.mark.parametrize("name", ["", ADA, f"{ADA}.", f"{ADA}.login", f"{ADA}.login.", f"{ADA}.background.x", ".."])
def test_a_name_that_we_did_not_make_is_nobodys_login(name: str):
    assert person_of(name).credential_id is None
