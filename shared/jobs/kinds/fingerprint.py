"""When two rows ask the same: then the stored result is used again, and a changed input shows as stale."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from shared.ai.ports import ModelRequest
from shared.jobs.kinds.kind import Source


def input_hash(kind_type: str, request: ModelRequest, parameters: Mapping[str, Any], source: Source, model: str) -> str:
    """SHA-256 (hexadecimal) of all that an outcome depends on: kind, prompt, schema, parameters, texts, model.

    The prompt is hashed as it is sent, so that a changed instruction or schema changes the hash by itself.
    """
    asked = {
        "kind": kind_type,
        "messages": [[message.role, message.content] for message in request.messages],
        "schema": request.schema,
        "maxOutputTokens": request.max_output_tokens,
        "parameters": parameters,
        "source": [[title, text] for title, text in source],
        "model": model,
    }
    canonical = json.dumps(asked, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
