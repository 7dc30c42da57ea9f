"""`/b/authorize` for browsers, `/2.0/token` for applications."""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.smartsheet.accounts import USERS
from local.smartsheet.errors import ApiError
from local.smartsheet.oauth.client import CLIENT_ID, hash_matches, is_registered, secret_matches
from local.smartsheet.oauth.grants import CODE_SECONDS, Grants, Tokens
from local.smartsheet.oauth.pages import callback, consent_page

_KEPT = ("client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method")


class OAuthRoutes:
    """The provider's three paths. The vendor documents no PKCE: here it is kept to when it is asked for."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    def routes(self) -> list[Route]:
        """For the application."""
        return [
            Route("/b/authorize", self._ask, methods=["GET"]),
            Route("/b/authorize", self._answer, methods=["POST"]),
            Route("/2.0/token", self._token, methods=["POST"]),
            Route("/2.0/token", self._revoke, methods=["DELETE"]),
        ]

    async def _ask(self, request: Request) -> Response:
        query = dict(request.query_params)
        fault = _fault(query)
        if fault is not None:
            return HTMLResponse(f"<h1>Smartsheet sandbox</h1><p>{fault}</p>", 400)
        return HTMLResponse(consent_page({name: query[name] for name in _KEPT if name in query}))

    async def _answer(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        fault = _fault({"response_type": "code", **form})
        if fault is not None:
            return HTMLResponse(f"<h1>Smartsheet sandbox</h1><p>{fault}</p>", 400)
        state = form.get("state", "")
        user = USERS.get(int(form["user"])) if form.get("user", "").isdigit() else None
        if form.get("decision") != "allow" or user is None:
            return _see(callback(form["redirect_uri"], error="access_denied", state=state))
        challenge = form.get("code_challenge")
        code = await asyncio.to_thread(self._grants.code_for, user, challenge)
        return _see(callback(form["redirect_uri"], code=code, expires_in=str(CODE_SECONDS * 1000), state=state))

    async def _token(self, request: Request) -> Response:
        try:
            form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
            tokens = await asyncio.to_thread(self._give, form)
        except ApiError as error:
            request.scope["state"]["call"]["errorCode"] = error.code
            return error.response()
        body = {"access_token": tokens.access, "token_type": "bearer", "refresh_token": tokens.refresh}
        return JSONResponse({**body, "expires_in": tokens.seconds})

    async def _revoke(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return ApiError(1001).response()
        everything = request.query_params.get("deleteAllForApiClient") == "true"
        try:
            await asyncio.to_thread(self._grants.revoke, token, everything=everything)
        except ApiError as error:
            request.scope["state"]["call"]["errorCode"] = error.code
            return error.response()
        return JSONResponse({"message": "SUCCESS", "resultCode": 0})

    def _give(self, form: dict[str, str]) -> Tokens:
        if form.get("client_id") != CLIENT_ID:
            raise ApiError(1067)
        uses: dict[str, tuple[str, Callable[[str], Tokens]]] = {
            "authorization_code": ("code", lambda code: self._grants.exchange(code, form.get("code_verifier"))),
            "refresh_token": ("refresh_token", self._grants.renew),
        }
        if form.get("grant_type") not in uses:
            raise ApiError(1068)
        name, give = uses[form["grant_type"]]
        if name not in form:
            raise ApiError(1070, name)
        _authenticate(form, form[name])
        if "redirect_uri" in form and not is_registered(form["redirect_uri"]):
            raise ApiError(1073)
        return give(form[name])


def _authenticate(form: dict[str, str], code: str) -> None:
    """By the secret, or by its hash with the code; one of them."""
    secret, hashed = form.get("client_secret"), form.get("hash")
    if secret is None and hashed is None:
        raise ApiError(1236)
    if secret is not None and hashed is not None:
        raise ApiError(1237)
    if secret is not None and not secret_matches(secret):
        raise ApiError(1238)
    if hashed is not None and not hash_matches(hashed, code):
        raise ApiError(1072)


def _fault(query: dict[str, str]) -> str | None:
    """What is wrong with a request to authorize; it is told here, since the way back cannot be trusted."""
    if query.get("client_id") != CLIENT_ID:
        return "There is no application with this client_id."
    if not is_registered(query.get("redirect_uri", "")):
        return "The redirect_uri is not one that is registered for the application."
    if query.get("response_type") != "code":
        return "The response_type must be code."
    if "code_challenge" in query and query.get("code_challenge_method") != "S256":
        return "The code_challenge_method must be S256."
    return None


def _see(url: str) -> Response:
    return RedirectResponse(url, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
