"""Webhooks: the records, the verification of a callback URL, the delivery of events."""
