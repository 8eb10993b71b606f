"""Figures, not assertions: ``poe bench`` prints a table of what things cost on this machine, now."""
