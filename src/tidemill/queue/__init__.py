"""How captures reach the processors: identifiers only, never pages, and always over the rows of `captures`."""
