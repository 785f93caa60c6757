"""The raw bytes: what was fetched, kept before anything looks at it, under the hash of its content."""
