"""People in front of their browsers, and scripts: requests with cookies and bearers."""

from collections.abc import Mapping
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any

from pydantic import SecretStr

from shared.sheets.models import SmartsheetUser
from tests.fakes.smartsheet import FakeSheetSource
from tests.functions.client import Answer, Functions


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
