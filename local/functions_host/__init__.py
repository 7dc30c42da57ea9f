"""The Functions host: runs `function_app.py` unmodified on one machine."""
