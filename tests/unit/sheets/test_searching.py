"""Searching: words anywhere in a row, whatever their case and accents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sheets.searching import folded
from tests.unit.sheets.selected import selected, table


@pytest.mark.parametrize(
    ("search", "rows"),
    [
        ("", "123456"),
        ("  ", "123456"),
        ("PUMP", "13"),
        ("pump ada", "1"),
        ("ada pump red", "1"),
        ("ecole", "2"),
        ("ÉCOLÉ", "2"),
        ("$7.00", "6"),
        ("true", "1"),
        ("lovelace bob", "1"),
        ("pump nowhere", ""),
        ("north 5", "1"),
    ],
)
def test_every_word_has_to_occur_in_the_row(search: str, rows: str):
    assert selected(search=search) == rows


@pytest.mark.parametrize("word", ["Straße", "STRASSE", "Łódź", "İzmir", "ﬁnal", "नमस्ते", "e\u0301te\u0301"])
def test_a_word_is_found_in_other_spellings_of_itself(word: str):
    assert folded(word) == folded(folded(word)) == folded(word.lower())


@given(st.text(max_size=20))
def test_any_text_can_be_searched(text: str):
    assert set(selected(table(), search=text)) <= set("123456")
