"""ingest: turns an HTTP request into a send, stored with majority and announced on the bus; keeps apps and devices.

routes (every endpoint, as data) ──▶ app ──▶ keys: who asks? ─▶ admission: may anything be stored now?
                                      │      ─▶ body: read, within limits, as the endpoint's model
                                      └──▶ apps · variants · devices · sends     (one file an endpoint group)
                                                                        └─ accept (shared.flow) ─▶ commit
"""
