"""The proof that nothing is lost and nothing counted twice: real processes, real faults, and books closed from outside.

    catalogue ─▶ running ─▶ stage (broker, store, fleet, app, devices)
                    │  ├──▶ backend ──▶ journal of promises ─────────┐
                    │  └──▶ fault (kills, drops, blocks, freezes)    ├──▶ checker ──▶ lost, duplicated, miscounted
                    └─────▶ simulators' logs, HTTP API ──────────────┘

`python -m tests.chaos` runs every case, `--short` the few that `make test` runs too. `checker` imports nothing of the
product: it knows the promises, the providers' logs and the public API, as anybody would who does not believe us.
"""
