"""Servers whose own log says when they wrote each byte: the truth that clients are compared with."""
