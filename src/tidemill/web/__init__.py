"""The console, rendered on the server."""
