"""Finding pages that nothing links to: sitemaps and feeds."""
