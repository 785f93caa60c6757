"""Answers out of files of this machine: folders and lists of URLs (`folder`), and WARC archives (`replay`)."""
