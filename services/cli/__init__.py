"""The `carillon` command: starts and stops the whole on one machine, sends, and shows what became of it.

Each file here that has a function called `command` is one command, named like the file.
"""
