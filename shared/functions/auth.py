"""Signing in and out, what one is told about oneself, and API tokens."""

from urllib.parse import urlencode

from pydantic import ConfigDict, SecretStr

from shared.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    StorageFull,
    Unauthorized,
    UpstreamUnavailable,
)
from shared.functions.cookies import Cookie
from shared.functions.http import operation
from shared.functions.registration import Triggers
from shared.functions.routes import Call, NoQuery, Reply
from shared.identity.requests import (
    ApiTokenPage,
    ApiTokenRevoked,
    CreateApiToken,
    Disconnected,
    Me,
    NewApiToken,
    SignedIn,
    SignedOut,
    SignIn,
    UserView,
)
from shared.identity.sign_in import STATE_LASTS, NewLogin
from shared.records import Frozen
from shared.telemetry import get_logger

log = get_logger(__name__)
triggers = Triggers()

_TAG = "Identity"


class CallbackQuery(Frozen):
    """How the provider sends a browser back: with a code, or with an error. Whatever it adds is not looked at.

    Nothing here is too long to be read: what is no state of ours ends as one, on the page and not in an error document.
    """

    model_config = ConfigDict(extra="ignore")

    state: SecretStr = SecretStr("")
    code: SecretStr | None = None
    error: str | None = None


@operation(
    triggers,
    "POST",
    "auth/smartsheet",
    summary="Sign in with a Smartsheet token",
    tag=_TAG,
    body=SignIn,
    answers=SignedIn,
    errors=(InvalidInput, Conflict, RateLimited, StorageFull, UpstreamUnavailable),
    access="public",
)
async def sign_in(call: Call[SignIn, NoQuery]) -> Reply:
    """The token is checked with Smartsheet and stored encrypted; the answer sets the login cookie. A login that the
    browser had ends. 409 `single_user_mode` where there is but the one built-in user."""
    new = await call.container.sign_in.with_token(call.body.access_token, former=call.cookies.get("login"))
    return Reply.of(SignedIn(user=UserView.of(new.user)), _login(call, new))


@operation(
    triggers,
    "GET",
    "auth/smartsheet/login",
    summary="Sign in at Smartsheet",
    tag=_TAG,
    answers=None,
    status=302,
    errors=(NotFound, Conflict, StorageFull),
    access="public",
)
async def begin_sign_in(call: Call[None, NoQuery]) -> Reply:
    """Sends the browser to Smartsheet. 404 `oauth_not_configured` where that is not set up."""
    departure = await call.container.sign_in.begin()
    cookie = Cookie("oauth", departure.browser, int(STATE_LASTS.total_seconds()))
    return Reply.redirect(departure.url, cookie)


@operation(
    triggers,
    "GET",
    "auth/smartsheet/callback",
    summary="Back from Smartsheet",
    tag=_TAG,
    query=CallbackQuery,
    answers=None,
    status=302,
    errors=(NotFound, Conflict),
    access="public",
)
async def finish_sign_in(call: Call[None, CallbackQuery]) -> Reply:
    """Sends the browser to `/`, signed in, or to `/?signIn={code}` where that failed: `invalid_state`,
    `access_denied`, `invalid_grant`, `not_allowed`, or why Smartsheet could not be asked."""
    home = f"{call.container.settings.public_base_url}/"
    try:
        new = await call.container.sign_in.finish(
            state=call.query.state,
            code=None if call.query.error else call.query.code,
            browser=call.cookies.get("oauth"),
            former=call.cookies.get("login"),
        )
    except (Unauthorized, Forbidden, RateLimited, StorageFull, UpstreamUnavailable) as error:
        log.info("finish_sign_in: %s", error.code)
        return Reply.redirect(f"{home}?{urlencode({'signIn': error.code})}", Cookie.gone("oauth"))
    return Reply.redirect(home, _login(call, new), Cookie.gone("oauth"))


@operation(
    triggers,
    "GET",
    "auth/me",
    summary="Who am I",
    tag=_TAG,
    answers=Me,
    access="person",
)
async def get_me(call: Call[None, NoQuery]) -> Me:
    """401 when nobody is signed in. Also answers who has to connect to Smartsheet again (`accountConnected`)."""
    person = call.person
    profile = await call.container.identity.profile(person)
    return Me(
        user=UserView(id=person.user_id, name=profile.name, email=profile.email),
        time_zone=profile.time_zone,
        locale=profile.locale,
        auth_mode=call.container.settings.auth_mode,
        may_approve=person.may_approve,
        account_connected=profile.account_connected,
    )


@operation(
    triggers,
    "DELETE",
    "auth/session",
    summary="Sign out",
    tag=_TAG,
    answers=SignedOut,
    errors=(Conflict,),
    access="person",
)
async def sign_out(call: Call[None, NoQuery]) -> Reply:
    """Ends this login and closes the person's WebSockets. The Smartsheet token stays for work in the background."""
    await call.container.sign_in.sign_out(call.person)
    return Reply.of(SignedOut(), Cookie.gone("login"))


@operation(
    triggers,
    "DELETE",
    "auth/connection",
    summary="Forget the Smartsheet token",
    tag=_TAG,
    answers=Disconnected,
    errors=(Conflict, StorageFull),
    access="person",
)
async def disconnect(call: Call[None, NoQuery]) -> Disconnected:
    """Logins stay, but answer `needs_sign_in`; running jobs pause until the person signs in again."""
    await call.container.sign_in.disconnect(call.person)
    return Disconnected()


@operation(
    triggers,
    "GET",
    "auth/tokens",
    summary="The caller's API tokens",
    tag=_TAG,
    answers=ApiTokenPage,
    errors=(Conflict,),
    access="person",
)
async def list_api_tokens(call: Call[None, NoQuery]) -> ApiTokenPage:
    """Oldest first, without the tokens themselves. Not for scripts."""
    return await call.container.api_tokens.list(call.person)


@operation(
    triggers,
    "POST",
    "auth/tokens",
    summary="Make an API token",
    tag=_TAG,
    body=CreateApiToken,
    answers=NewApiToken,
    status=201,
    errors=(InvalidInput, Conflict, StorageFull),
    access="person",
)
async def create_api_token(call: Call[CreateApiToken, NoQuery]) -> NewApiToken:
    """For scripts, as bearer. It is shown this once: the same `Idempotency-Key` again answers 409."""
    return await call.container.api_tokens.create(call.person, call.body, idempotency_key=call.idempotency_key)


@operation(
    triggers,
    "DELETE",
    "auth/tokens/{id:guid}",
    summary="Revoke an API token",
    tag=_TAG,
    answers=ApiTokenRevoked,
    errors=(NotFound, Conflict),
    access="person",
)
async def revoke_api_token(call: Call[None, NoQuery]) -> ApiTokenRevoked:
    """It stops working at once."""
    return await call.container.api_tokens.revoke(call.person, call.path["id"])


def _login(call: Call[SignIn, NoQuery] | Call[None, CallbackQuery], new: NewLogin) -> Cookie:
    return Cookie("login", new.cookie, call.container.settings.login_absolute_days * 86_400)
