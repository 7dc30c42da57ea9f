"""Staying fresh while others edit: Smartsheet's webhooks, what they tell, and what becomes of it."""
