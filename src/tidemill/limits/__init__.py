"""Rate limits and cache of the API: one port, one file for each technology."""
