"""When trials are meant to start. A module's name is what a suite writes under ``load.shape``."""
