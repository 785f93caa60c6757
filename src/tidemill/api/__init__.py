"""The HTTP API: FastAPI at the edge, which translates and no more.

`main.py` puts the routes together and serves them, `routes/` has a file for each kind of thing, `schemas/` what goes
over the wire, `openapi.py` completes the description that clients are made from.
"""
