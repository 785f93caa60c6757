"""What Tidemill does while it runs: each role as a long-running process, and the commands that do a job to its end.

Each role registers a worker, beats its heart while it holds leases, and on `stop` ends what it has begun and gives the
rest back. In: an open `App` and the event that says stop. Called by the commands.
"""
