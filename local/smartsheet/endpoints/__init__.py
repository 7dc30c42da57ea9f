"""The operations of the API: each takes a `Call` and gives the body of its answer."""
