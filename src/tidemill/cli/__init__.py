"""The command line: one file a command or group. Answers go to stdout, everything else to stderr."""
