"""RabbitMQ, the wake-up: topology as data, confirmed publishing, consuming that survives reconnects, delays, groups.

`open_bus(url, name=...)` gives a `Bus`. What a caller must catch is drawn in `errors`. Nothing here knows what a
message says.
"""
