"""Serving HTTP to strangers: every wait for them has an end, and one of them never holds up another.

h11 speaks the protocol. An event loop waits for slow heads, bodies and readers; threads get complete requests only.
"""
