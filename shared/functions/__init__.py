"""Every trigger: parse, authorise, call one service, reply. Nothing is decided here."""
