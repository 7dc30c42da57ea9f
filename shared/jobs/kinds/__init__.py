"""The kinds of AI job: each a prompt, a schema and the way from answer to cell.

A new kind is one file, and one entry in `KINDS`.
"""

from collections.abc import Mapping

from shared.jobs.kinds.fingerprint import input_hash
from shared.jobs.kinds.instruction import with_instruction
from shared.jobs.kinds.kind import CellText, JobKind, RowJobParameters, Source
from shared.jobs.kinds.summarize import Summarize

__all__ = ["KINDS", "CellText", "JobKind", "RowJobParameters", "Source", "Summarize", "input_hash", "with_instruction"]

KINDS: Mapping[str, JobKind] = {kind.type: kind for kind in (Summarize(),)}
"""By the word in `POST /api/jobs`."""
