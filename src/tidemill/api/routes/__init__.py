"""One file for each kind of thing the API serves; routes only translate."""
