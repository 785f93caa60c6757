"""Fields by a language model: the one extractor that asks somebody, and so the one that runs in the parent process.

Comes in: what the pipeline made of a capture; goes out: the same with fields that a document lacked, or with a flag
that says why not. Read `question` (what is asked), `endpoint` (how), `answer` (what is believed), then `model`.
"""
