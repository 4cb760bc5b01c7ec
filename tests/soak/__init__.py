"""The engine for minutes under faults that come and go: `python -m tests.soak`, or `make soak`. Loopback only.

weather   what a sick provider does, in spells; `far_end` is a process that serves it and keeps books
load      batches to the sick provider and, beside it, to a healthy one (the bench's sink)
books     what the engine said against what the far ends counted, request by request
vitals    memory, tasks, files and streams of this process: flat, and at rest when there is nothing to do

pipeline  the whole of it for ten million notifications: `python -m tests.soak.pipeline`, or `make soak-pipeline`
"""
