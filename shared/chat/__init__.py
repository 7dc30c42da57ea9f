"""Chat sessions about a sheet."""
