"""The page on which a person of the sandbox lets an application in, or does not."""

from html import escape
from urllib.parse import urlencode

from local.smartsheet.accounts import USERS

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Smartsheet sandbox: allow access</title>
<style>:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}}
label{{display:block;padding:.4rem 0}}button{{font:inherit;padding:.4rem 1.2rem;margin:1rem .5rem 0 0}}</style>
<h1>Smartsheet sandbox</h1>
<p>This is a stand-in on your own machine, not Smartsheet. ChatSheetAI asks to read and change sheets for you.</p>
<p>Who are you?</p>
<form method="post">{hidden}{people}
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>
</html>"""


def consent_page(query: dict[str, str]) -> str:
    """The form; it brings back what the application asked with."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in query.items()
    )
    people = "".join(
        f'<label><input type="radio" name="user" value="{user.id}"{" checked" if at == 0 else ""}> '
        f"{escape(user.name)} <small>{escape(user.email)}</small></label>"
        for at, user in enumerate(USERS.values())
    )
    return _PAGE.format(hidden=hidden, people=people)


def callback(redirect_uri: str, **parameters: str) -> str:
    """Where the browser is sent back to."""
    return f"{redirect_uri}?{urlencode(parameters)}"
