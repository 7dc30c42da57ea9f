"""Adapters to the services of others; each implements a port of a domain."""
