"""The verbs that people use, written once for every door: command line, API and console."""
