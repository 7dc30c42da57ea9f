"""Who calls, and with which Smartsheet token their work is done."""
