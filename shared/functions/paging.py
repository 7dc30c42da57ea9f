"""The query of every list that goes on by cursor."""

from pydantic import Field

from shared.records import Frozen


class PageQuery(Frozen):
    """A page of a list."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=500, description="`nextCursor` of the page before.")
