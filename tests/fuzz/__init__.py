"""Fuzz targets: one pure function for each way in for strangers' bytes, its laws, its seeds, and what feeds it.

`targets` names them all. They run over their seeds in the unit tests, and for long with `make fuzz` (`__main__`).
"""
