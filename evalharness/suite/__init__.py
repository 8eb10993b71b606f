"""A suite file: text in, a checked ``core.model.Suite`` out.

``parse`` and what it uses are pure (file contents come through a port); ``files`` reads the disk.
"""
