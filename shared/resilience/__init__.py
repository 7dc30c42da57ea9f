"""Living with services that fail: retries and circuit breakers."""
