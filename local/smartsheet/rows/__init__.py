"""Rows: their order and hierarchy, reading them, adding, changing and deleting them."""
