"""How long a job waits for its owner: to sign in again, or to let it go on."""

from datetime import datetime, timedelta

from shared.jobs.models import JobError, Paused

_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(minutes=15)

LONGEST_PAUSE = timedelta(days=7)
"""How long a job stays paused by its owner before it is given up."""

CANCELLED = JobError(code="cancelled", message="The job was cancelled before this was written.")
NOT_GOING_ON = JobError(code="job_finished", message="The job has ended already.")
_GIVEN_UP = {
    "needs_sign_in": JobError(code="needs_sign_in", message="The job's owner did not sign in again in time."),
    "user": JobError(code="paused_too_long", message="The job was paused, and nobody let it go on in time."),
}


def next_look(since: datetime, now: datetime, *, at_most: timedelta) -> datetime | None:
    """When to see whether the job can go on; None when it has waited long enough.

    A tenth of the time that it has waited already, within ten seconds and a quarter of an hour: soon at first, and few
    steps in the orchestration's history after days.
    """
    waited = now - since
    if waited >= at_most:
        return None
    return now + min(max(waited / 10, _SHORTEST), _LONGEST)


def given_up(paused: Paused) -> JobError:
    """Why a job that was paused for too long does not go on."""
    return _GIVEN_UP[paused.reason]
