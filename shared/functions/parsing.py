"""What callers send, as models: bodies, files, parameters, keys. Every fault names its field."""

from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from pydantic import BaseModel, SecretStr, ValidationError

from shared.errors import FieldError, InvalidInput
from shared.functions.problems import invalid_input
from shared.functions.registration import header_map
from shared.functions.routes import MAX_KEY_CHARACTERS, Route, Upload
from shared.tables.reading import MAX_FILE_BYTES

MAX_BODY_BYTES = 1_000_000
MAX_UPLOAD_BYTES = MAX_FILE_BYTES


def parse_any_body(route: Route, request: func.HttpRequest) -> BaseModel | None:
    """The body as the route wants it: a model, a file, or nothing. Raises `InvalidInput`."""
    if route.uploads:
        return parse_upload(route.uploads, request)
    return None if route.body is None else parse_body(route.body, request)


def parse_upload(content_types: tuple[str, ...], request: func.HttpRequest) -> Upload:
    """The body as a file. Raises `InvalidInput` (`unsupported_media_type`, `body_too_large`)."""
    content_type = _content_type(request)
    if content_type not in content_types:
        raise InvalidInput(f"Send the file as {', '.join(content_types)}.", code="unsupported_media_type")
    raw = request.get_body()
    if len(raw) > MAX_UPLOAD_BYTES:
        raise InvalidInput(f"The file may have at most {MAX_UPLOAD_BYTES:,} bytes.", code="body_too_large")
    return Upload(content_type=content_type, content=raw)


def _content_type(request: func.HttpRequest) -> str:
    return header_map(request).get("Content-Type", "").split(";")[0].strip().lower()


def bearer_of(request: func.HttpRequest) -> SecretStr | None:
    """The bearer of the `Authorization` header."""
    scheme, _, token = header_map(request).get("Authorization", "").strip().partition(" ")
    return SecretStr(token.strip()) if scheme.lower() == "bearer" else None


def parse_body(model: type[BaseModel], request: func.HttpRequest) -> BaseModel:
    """The JSON body as `model`. Raises `InvalidInput` (`unsupported_media_type`, `malformed_json`, …)."""
    if _content_type(request) != "application/json":
        raise InvalidInput("Send the body as application/json.", code="unsupported_media_type")
    raw = request.get_body()
    if len(raw) > MAX_BODY_BYTES:
        raise InvalidInput(f"The body may have at most {MAX_BODY_BYTES:,} bytes.", code="body_too_large")
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise InvalidInput(f"The body cannot be read. {first['msg']}.", code="malformed_json") from None
        raise invalid_input(error, where="body") from None


def parse_query(model: type[BaseModel], request: func.HttpRequest) -> BaseModel:
    """The query parameters as `model`. Raises `InvalidInput`, also for unknown and for empty ones."""
    # The worker leaves empty values out of `params`; `limit=` is no way to say nothing about the limit.
    query = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    empty = {name: value for name, value in query if not value}
    try:
        return model.model_validate({**empty, **request.params})
    except ValidationError as error:
        raise invalid_input(error, where="query") from None


def idempotency_key_of(request: func.HttpRequest) -> str | None:
    """The `Idempotency-Key`. Raises `InvalidInput` for one that cannot be used."""
    key = header_map(request).get("Idempotency-Key")
    if key is not None and not 1 <= len(key.strip()) <= MAX_KEY_CHARACTERS:
        fault = FieldError("Idempotency-Key", f"must have 1 to {MAX_KEY_CHARACTERS} characters, or be left out")
        raise InvalidInput("The Idempotency-Key cannot be used.", errors=(fault,))
    return key
