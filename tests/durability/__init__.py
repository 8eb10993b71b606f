"""What a run keeps when its process is killed or its disk fails, looked at from outside: the real command, a server
that counts, and the folder afterwards. ``python -m tests.durability`` repeats the campaigns of
``docs/durability.md``."""
