"""Route templates, paths, answers: the parts of HTTP that need no server."""

import azure.functions as func
import pytest

from local.functions_host.http_response import encode_answer
from local.functions_host.request_path import decode_path, encode_path, query_parameters
from local.functions_host.route_template import RouteTemplate

GUID = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("", "/", {}),
        ("jobs", "/Jobs/", {}),
        ("jobs", "/jobs//", None),
        ("jobs/{id}", "/jobs/", None),
        ("jobs/{id}", "/jobs/a b", {"id": "a b"}),
        ("jobs/{id?}", "/jobs", {}),
        ("jobs/{a?}/{b?}", "/jobs/1", {"a": "1"}),
        ("jobs/{page:int=1}", "/jobs", {"page": "1"}),
        ("jobs/{page:int=1}", "/jobs/x", None),
        ("files/{*path}", "/files", {}),
        ("files/{*path}", "/files/a//b/", {"path": "a//b/"}),
        ("files/{*path}", "/files//a", None),
        ("files/{**path:minlength(3)}", "/files/ab", None),
        ("{name}.{extension}", "/a.b.c", {"name": "a.b", "extension": "c"}),
        ("v{major:int}", "/v2", {"major": "2"}),
        ("{id:guid}", f"/{GUID}", {"id": GUID}),
        ("{id:guid}", "/7", None),
        ("{n:int}", "/2147483648", None),
        ("{n:long}", "/2147483648", {"n": "2147483648"}),
        ("{n:int:min(3)}", "/2", None),
        ("{n:range(3,5)}", "/5", {"n": "5"}),
        ("{s:length(2,3)}", "/abcd", None),
        ("{s:alpha}", "/a1", None),
        ("{b:bool}", "/TRUE", {"b": "TRUE"}),
        ("{d:decimal}", "/-1.5", {"d": "-1.5"}),
        (r"{s:regex(^\d{{2}}$)}", "/12", {"s": "12"}),
        (r"{s:regex(^\d{{2}}$)}", "/123", None),
        ("{s:regex(b)}", "/abc", {"s": "abc"}),
    ],
)
def test_a_template_matches_as_in_the_real_host(template: str, path: str, values: dict[str, str] | None) -> None:
    assert RouteTemplate(template).match(path) == values


@pytest.mark.parametrize(
    "template",
    [
        "{a}/{A}",
        "{*rest}/x",
        "{a}{b}",
        "x/{a",
        "a}",
        "a//b",
        "{a:min(x)}",
        "{a:datetime}",
        "x{a?}",
        "{*a?}",
        "{}",
        "{a:regex([)}",
    ],
)
def test_a_template_that_the_real_host_cannot_use_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"route|constraint"):
        RouteTemplate(template)


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        (b"/a%20b+c", "/a b+c"),
        (b"/a%2fb%C3%A9", "/a%2fbé"),
        (b"/%ff%41", "/%FFA"),
        (b"/a/../../b/.", "/b/"),
        (b"/%2e%2e/x", "/x"),
        (b"/%00", None),
        ("/é".encode(), None),
    ],
)
def test_a_path_is_decoded_as_kestrel_does(raw: bytes, decoded: str | None) -> None:
    assert decode_path(raw) == decoded


def test_an_encoded_path_keeps_its_escapes() -> None:
    assert encode_path("/a b/%2F/é") == "/a%20b/%2F/%C3%A9"


def test_parameters_without_a_value_are_left_out() -> None:
    assert query_parameters(b"a&b=&c=1&C=&c=2") == {"c": "1,2"}


def test_a_returned_text_that_is_json_is_written_anew() -> None:
    assert encode_answer('{"a":1}').body == b'{\n  "a": 1\n}'


def test_a_returned_text_that_would_be_taken_for_a_response_is_refused() -> None:
    with pytest.raises(ValueError, match="'body'"):
        encode_answer('{"Body": "x", "status": 201}')


@pytest.mark.parametrize("returned", [None, 1, b"x", {}, func.HttpRequest(method="GET", url="/", body=b"")])
def test_only_responses_and_texts_can_be_returned(returned: object) -> None:
    with pytest.raises(TypeError, match="unable to encode outgoing TypedData"):
        encode_answer(returned)


@pytest.mark.parametrize(
    "response",
    [
        func.HttpResponse("x", status_code=304),
        func.HttpResponse(status_code=99),
        func.HttpResponse("x", headers={"x": "a\x01"}),
        func.HttpResponse("x", headers={"content-length": "5"}),
        func.HttpResponse(headers={"set-cookie": "a=b; Max-Age=-1"}),
    ],
)
def test_a_response_that_the_real_host_cannot_write_is_refused(response: func.HttpResponse) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode_answer(response)


def test_names_that_differ_in_case_only_keep_the_first_value() -> None:
    response = func.HttpResponse("x", headers={"X-A": "1"})
    response.headers.add("x-a", "2")
    assert (b"x-a", b"1") in encode_answer(response).headers
