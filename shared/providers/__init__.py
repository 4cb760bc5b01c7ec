"""One folder a platform, found by its name; nothing outside a folder names it.

A provider decides and does no I/O apart from obtaining credentials: `settings.py` (what a variant needs), `payload.py`
(message and device to request), `verdict.py` (outcome to verdict, as one table), `auth.py` (credentials to
authorization). Concurrency, deadlines, retries, limits and records live once, in delivery.
"""
