"""The nouns of the house: one frozen dataclass (or closed enumeration) for each thing that rooms hand to one another.

Nothing here does I/O and nothing here imports another room.
"""
