"""The event loop of services that live by plain sockets.

uvloop makes them a fifth cheaper (measured on single sends: ingest 425 → 330 µs, reporter 290 → 230). Delivery keeps
asyncio's own, as `express` has it: with uvloop its TLS was measured three times slower.
"""

import uvloop

plain_sockets = uvloop.new_event_loop
