"""The report: one analysis as a page, as Markdown, as terminal lines and as a small JSON. Formats, never computes."""
