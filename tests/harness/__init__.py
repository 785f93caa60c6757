"""Tidemill and the sample site as real processes, and the books that a crawl leaves behind.

`command` runs `tidemill`, `sites` serves the sample site, `books` reads a data folder and holds it against the promises
of the ledger, `watch` waits for a moment in the middle of a run, `reports` compares what two runs came to.
"""
