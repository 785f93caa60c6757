"""Takes a promise out of a copy of the code, and sees to it that the tests turn red: `python -m tests.mutations`."""
