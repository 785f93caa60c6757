"""From archived bytes to drafts of documents: extract, clean, enrich, validate, fingerprint.

`pipeline.process` is a pure function of a capture, its body and the source's rules; `pool` runs it in processes that
can be killed; `worker` takes captures from the queue and stores what comes out; `jsonl` serves `tidemill extract`.
"""
