"""What the API keeps about its callers for a moment: how much they asked of late, and what they were answered.

`base.py` is the port; `memory.py` keeps it in the process, `redis.py` for all processes together. `degrading.py` goes
on with the first while the second is gone.
"""
