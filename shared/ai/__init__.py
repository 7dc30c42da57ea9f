"""The model: its port, profiles, token and cost estimates, and the quota."""
