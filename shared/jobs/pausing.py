"""How long a job waits for its owner to sign in again."""

from datetime import datetime, timedelta

from shared.jobs.models import JobError

_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(minutes=15)

GIVEN_UP = JobError(code="needs_sign_in", message="The job's owner did not sign in again in time.")


def next_look(since: datetime, now: datetime, *, at_most: timedelta) -> datetime | None:
    """When to see whether the owner has signed in; None when the job has waited long enough.

    A tenth of the time that it has waited already, within ten seconds and a quarter of an hour: soon at first, and few
    steps in the orchestration's history after days.
    """
    waited = now - since
    if waited >= at_most:
        return None
    return now + min(max(waited / 10, _SHORTEST), _LONGEST)
