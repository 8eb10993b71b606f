"""Pure functions from values to SVG text: no files, no clock, the same bytes for the same values."""
