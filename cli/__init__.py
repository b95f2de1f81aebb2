"""`verdigris`, the command line: a client of the HTTP API, and the way to start each process."""
