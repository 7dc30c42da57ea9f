"""Adapters to databases. `documents.py` says what a database must be able to do; the rest is written on it once."""
