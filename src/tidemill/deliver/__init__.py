"""What leaves the house: exports as files and streams, feeds of a search, the change feed."""
