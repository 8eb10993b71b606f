"""Concurrency and the order of effects. Sees ports, not classes."""
