"""The commands, a file per theme; each is imported when it is called."""
