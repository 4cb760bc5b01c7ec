"""The engine: notifications to HTTP/2 frames and answers to outcomes, a batch at a time.

    batch ─▶ engine ─▶ pool (one per origin) ─▶ connection (frames, no I/O) ─▶ protocol (one write a loop turn) ─▶ TLS
      ▲                                              │
      └── outcomes: an answer · certainly not processed · unknown ◀── bytes ──┘

batch        many requests in, many outcomes out; nothing per notification but bytes
engine       the door: `send` for parcels, `submit` for batches; turns and ticks
pool         connections to one origin: warm-up, growth by need, replacement, back-off, the lane `now` first
dialing      DNS, proxy, TLS: how a connection is had; `proxy` says through whom
protocol     between a socket and a connection
connection   the protocol itself: `inbound` reads, `outbound` writes, `peer` holds what the other side allows
streams      what is open on a connection, and when it runs out
columns      a run of requests as bytes, column by column; `header_block` is its HPACK, `block_reader` that of answers
frames       the shapes of RFC 9113
"""
