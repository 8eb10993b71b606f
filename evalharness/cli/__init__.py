"""The terminal program: one module per command, nothing imported before it is named."""
