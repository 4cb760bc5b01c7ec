"""delivery: slices of one platform in; provider requests, chunk records and results out.

    slices.<platform>.<lane> ─▶ gate ─▶ claim ─▶ chunk: look up ─▶ attempt (transport) ─▶ tally ─▶ close ─▶ results
                                 └─▶ wait queues (parked, limited, …)                   └─▶ retries (wait queues)

A chunk is closed by one insert of its record; the slice's message is acked after its last chunk.
"""
