"""Starts, watches and stops the parts that make the whole product run on one machine."""
