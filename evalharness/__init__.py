"""Measured evaluations of language models behind an API, with paired statistics."""

__version__ = "0.1.0"
