"""Documents that are no records: told by a code, and nothing of them is told."""

from typing import Any

import pytest

from shared.errors import UpstreamFault
from shared.records import Record
from shared.stores.collection import Collection
from shared.stores.documents import Create, DocumentStore
from shared.stores.sqlite import SqliteDocuments


class Note(Record):
    text: str
    stars: int


def with_stars(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "stars": body["liked"] + 1}


GOOD = {"id": "good", "text": "x", "stars": 1, "schemaVersion": 2}
UNREADABLE: list[dict[str, Any]] = [
    {**GOOD, "stars": "secret"},
    {**GOOD, "secret": 1},
    {"id": "bad", "schemaVersion": 2},
    {**GOOD, "schemaVersion": "secret"},
    {**GOOD, "schemaVersion": None},
    {"id": "bad", "text": "secret"},
    {"id": "bad", "text": "x", "liked": "secret"},
]


def notes(documents: DocumentStore) -> Collection[Note]:
    return Collection(documents, "notes", Note, migrations=[with_stars])


@pytest.mark.parametrize("body", UNREADABLE)
async def test_a_document_that_is_no_record_is_an_error_of_ours_that_tells_nothing_of_it(
    documents: SqliteDocuments, body: dict[str, Any], caplog: pytest.LogCaptureFixture
):
    await documents.write("notes", "ada", Create("bad", body))
    for reading in (notes(documents).find("ada", "bad"), notes(documents).list("ada")):
        with pytest.raises(UpstreamFault) as raised:
            await reading
        assert raised.value.code == "unreadable_document"
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__
        assert "secret" not in raised.value.detail
    assert "notes/ada/bad" in caplog.text
    assert "secret" not in caplog.text


async def test_a_list_can_leave_out_what_cannot_be_read(documents: SqliteDocuments):
    for number, body in enumerate([GOOD, *UNREADABLE, {**GOOD, "schemaVersion": 3}, GOOD]):
        await documents.write("notes", "ada", Create(str(number), body))
    found, _ = await notes(documents).list("ada", skip_unreadable=True)
    assert [(note.text, note.stars) for note in found] == [("x", 1)] * 2
