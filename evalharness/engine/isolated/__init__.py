"""What runs in the process that isolates code, and inside the isolation. Standard library only: this process holds
nothing of the run, so that code that broke out of Python, or read all of its memory, would find nothing of it."""
