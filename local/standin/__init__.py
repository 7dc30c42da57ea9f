"""What every stand-in has: command line, control API, faults, a log of calls."""
