"""Sheets, rows, cells and columns as Smartsheet knows them, and the cache of them."""
