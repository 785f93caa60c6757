"""Exports: records of documents come in by the batch, a file of one of several formats goes out.

`formats.py` names the formats, one file writes each; `shelf.py` keeps finished files until they are fetched.
"""
