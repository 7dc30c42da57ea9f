"""Which status and document an error becomes."""

import json

import pytest

from shared.errors import (
    AppError,
    CellConflict,
    Conflict,
    EditConflict,
    FieldError,
    InvalidInput,
    PreconditionFailed,
    RateLimited,
    StorageFull,
    UpstreamUnavailable,
)
from shared.functions.problems import STATUS_OF, Problem, internal_error, problem_response, status_of


def classes(root: type[AppError]) -> list[type[AppError]]:
    """A class and all that are made from it."""
    return [root, *(kind for child in root.__subclasses__() for kind in classes(child))]


def test_every_class_of_errors_has_a_status_of_its_own():
    assert set(classes(AppError)) == set(STATUS_OF)
    assert len({status for kind, status in STATUS_OF.items() if kind is not EditConflict}) == len(STATUS_OF) - 1


def test_cells_in_conflict_are_told_with_what_they_hold_now():
    error = EditConflict("Changed.", (CellConflict("1", "2", {"value": "Late"}),))
    response = problem_response(error, "the-id-of-it")
    told = json.loads(response.get_body())
    assert (response.status_code, told["code"]) == (409, "conflict")
    assert told["conflicts"] == [{"rowId": "1", "columnId": "2", "current": {"value": "Late"}}]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Conflict("Taken."), 409),
        (PreconditionFailed("Changed."), 412),
        (StorageFull("Full."), 507),
        (InvalidInput("Bad.", code="malformed_json"), 400),
        (InvalidInput("Bad.", code="unsupported_media_type"), 415),
        (InvalidInput("Bad.", code="body_too_large"), 413),
        (InvalidInput("Bad.", code="no_rows"), 422),
    ],
)
def test_the_class_decides_the_status_and_for_some_input_the_code(error: AppError, status: int):
    assert status_of(error) == problem_response(error, "an-id-of-it").status_code == status


def test_a_problem_names_the_fields_and_the_correlation_id():
    error = InvalidInput("Bad.", errors=(FieldError("rows.ids", "is empty"),))
    response = problem_response(error, "the-id-of-it")
    assert response.mimetype == "application/problem+json"
    assert json.loads(response.get_body()) == {
        "type": "about:blank",
        "title": "The input is not valid",
        "status": 422,
        "detail": "Bad.",
        "code": "invalid_input",
        "correlationId": "the-id-of-it",
        "errors": [{"field": "rows.ids", "message": "is empty"}],
    }


def test_only_a_known_wait_is_told():
    wait = problem_response(RateLimited("Slow.", retry_after_seconds=30), "the-id-of-it")
    unknown = problem_response(UpstreamUnavailable("Down."), "the-id-of-it")
    assert wait.headers["Retry-After"] == "30" and "Retry-After" not in unknown.headers


def test_what_was_not_expected_is_told_by_its_correlation_id_only():
    problem = Problem.model_validate_json(internal_error("the-id-of-it").get_body())
    assert (problem.status, problem.code, problem.correlation_id) == (500, "internal", "the-id-of-it")
