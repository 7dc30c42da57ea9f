"""Token counts: a deterministic estimate of one token per four characters, rounded up.

The real tokenizer needs tables from the internet. The estimate is the one the application makes before a call, so
what the stand-in reports in `usage` confirms it.
"""

CHARACTERS_PER_TOKEN = 4


def count_tokens(characters: int) -> int:
    """Tokens of a text of that many characters."""
    return -(-characters // CHARACTERS_PER_TOKEN)
