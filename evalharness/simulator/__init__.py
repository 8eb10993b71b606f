"""A service that speaks the Responses and chat wire contract, with a declared truth behind its answers.

Shares no code with ``evalharness.wire``: a codec's mistake must not be mirrored by its own test server.
Only the standard library, so that a run can start it as a child in a fraction of a second.
"""
