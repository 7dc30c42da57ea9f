"""Who may sign in."""

import pytest

from shared.identity.allow_list import AllowList, is_entry


def allows(entries: list[str], email: str = "ada@example.com", user_id: str = "42") -> bool:
    return AllowList(entries).allows(smartsheet_user_id=user_id, email=email)


@pytest.mark.parametrize("entry", ["ada@example.com", "ADA@Example.COM", "@example.com", "@EXAMPLE.com", "42", "*"])
def test_a_person_is_found_by_address_domain_and_id(entry: str):
    assert is_entry(entry)
    assert allows(["bob@example.org", entry])
    assert allows([entry], email="Ada@EXAMPLE.com")


@pytest.mark.parametrize("entry", ["bob@example.com", "@ample.com", "@mail.example.com", "@com", "4", "422"])
def test_everybody_else_is_not(entry: str):
    assert not allows([entry])


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.com.evil.org",
        "ada@example.com@evil.org",
        "ada@evil.org@example.com",
        "ada@evil.example.com",
        "ada@\u212aexample.com",
        "",
        "@",
        "example.com",
    ],
)
def test_what_only_looks_like_the_domain_is_not_it(email: str):
    assert not allows(["@example.com", "@kexample.com"], email=email)


def test_lower_case_does_not_turn_another_letter_into_ours():
    assert "\u212a".lower() == "k"
    assert not allows(["@kelvin.example"], email="ada@\u212aelvin.example")
    assert not allows(["kim@example.com"], email="\u212aim@example.com")


def test_an_empty_list_is_for_loopback_where_everybody_may():
    assert allows([])
