"""The cloud on one machine: stand-ins that speak the real protocols. Never deployed."""
