"""What every service's process needs around its work: settings, logs, metrics, health, the store's time, start and end.

`start.start` runs a service's `main` with all of it.
"""
