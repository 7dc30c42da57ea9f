"""What happened, told to whoever wants to know: stored with a sequence number, then handed to subscribers."""
