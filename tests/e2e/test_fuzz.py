"""The API keeps to its description whatever is sent: Schemathesis on the running product, for a short while."""

from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz

CASES = 5000


@pytest.mark.timeout(600)
def test_no_answer_is_a_500_undocumented_or_of_another_form(tmp_path: Path):
    assert fuzz(tmp_path, CASES, examples=80, seed=1) == 0  # `make fuzz` looks further
