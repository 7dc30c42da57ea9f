"""People in front of their browsers, and scripts: requests with cookies and bearers."""

import re
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from shared.container import use_container
from shared.functions.routes import ROUTES
from shared.sheets.models import SmartsheetUser
from tests.fakes.oauth import FakeOAuthProvider
from tests.fakes.smartsheet import FakeSheetSource
from tests.functions.client import Answer, Functions
from tests.functions.environment import only_these_settings
from tests.functions.world import World

ADA, BOB = "ada-token-0123456789", "bob-token-0123456789"
COOKIE = "chatsheet"
SETTINGS = {"AUTH_MODE": "token", "ALLOWED_USERS": "ada@example.com,bob@example.com,cyd@example.com"}


class Browser:
    """Sends the cookies that it was given, as browsers do."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self.cookies: dict[str, str] = {}

    async def request(self, name: str, **request: Any) -> Answer:
        """Call an HTTP function."""
        headers: Mapping[str, str | None] = request.pop("headers", {})
        jar = "; ".join(f"{cookie}={value}" for cookie, value in self.cookies.items())
        answer = await self._functions.request(name, headers={"Cookie": jar or None, **headers}, **request)
        for name_, morsel in cookies_set(answer).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name_, None)
            else:
                self.cookies[name_] = morsel.value
        return answer

    async def sign_in(self, token: str) -> Answer:
        """Sign in with a Smartsheet token."""
        return await self.request("sign_in", body={"accessToken": token})


class Script:
    """Signs in by bearer, and sends neither cookies nor X-Requested-With."""

    def __init__(self, functions: Functions, token: str) -> None:
        self._functions = functions
        self._token = token

    async def request(self, name: str, **request: Any) -> Answer:
        """Call an HTTP function."""
        headers = {"Authorization": f"Bearer {self._token}", "X-Requested-With": None, **request.pop("headers", {})}
        return await self._functions.request(name, headers=headers, **request)


def cookies_set(answer: Answer) -> SimpleCookie:
    """The cookies that the answer sets."""
    cookies = SimpleCookie()
    for header in answer.set_cookies:
        cookies.load(header)
    return cookies


class PeopleSheetSource(FakeSheetSource):
    """Sheets of people: the token `ada-…` belongs to ada@example.com."""

    async def get_user(self, token: SecretStr) -> SmartsheetUser:
        """See `SheetSource.get_user`."""
        user = await super().get_user(token)
        name = token.get_secret_value().partition("-")[0]
        return replace(user, id=str(sum(name.encode())), name=name, email=f"{name}@example.com", locale="en_US")


def token_world(tmp_path: Path, **settings: str) -> World:
    """A world in which people sign in; it is served from now on."""
    with only_these_settings(**{**SETTINGS, **settings}):
        world = World(tmp_path, source=PeopleSheetSource)
    world.container.oauth_provider = FakeOAuthProvider()
    use_container(world.container)
    return world


async def new_token(browser: Browser, **body: Any) -> dict[str, Any]:
    """An API token, as it is shown once."""
    answer = await browser.request("create_api_token", body={"name": "nightly", **body})
    assert answer.status == 201
    return answer.json


def path_of(name: str) -> dict[str, str]:
    """Something for each path parameter of a route."""
    return dict.fromkeys(re.findall(r"{(\w+)", ROUTES[name].path), "1")
