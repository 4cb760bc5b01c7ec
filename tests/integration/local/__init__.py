"""The local stack: servers and processes that start, die and leave nothing behind."""
