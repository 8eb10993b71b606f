"""The clients that are compared: each a process of its own with the same flags (``face.py``) and the same output."""
