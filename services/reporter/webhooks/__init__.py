"""Webhooks: events into the outbox, and out of it to the addresses of apps.

announcing ─▶ outbox ─▶ dispatching ─▶ calling (the address checked at each try)
watching   ─┘  what no result tells: parked variants, the anomaly gate
"""
