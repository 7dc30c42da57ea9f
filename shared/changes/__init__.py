"""Change-sets: every write to Smartsheet, with what was there before and what became of it."""
