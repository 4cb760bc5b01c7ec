"""Stand-ins for the push providers that apply the providers' rules on the wire: to rehearse, to demonstrate, to test.

`carillon simulate` (or `python -m services.simulator`) starts one process that listens like APNs and like FCM, over
TLS with a certificate authority it makes at start, and answers as they do: their limits, their reasons, their way of
changing stream limits and saying GOAWAY. Nothing is scripted unless you script it: a token that is not registered with
the simulator is a bad token, a JWT older than an hour is expired, an offline device shows only the newest notification.

    provider port (TLS) ──▶ wire ──▶ conduct (a server's manners: faults, latency, GOAWAY, limits)
                                       └──▶ apns/, fcm/ (a provider's rules) ──▶ ledger (flushed) ──▶ the answer
    control port (HTTP) ──▶ knobs · registry · scripts · clock · ledger

exchange   what a listener and the rules say to each other
wire       serves rules on a TLS port; http2 (on lenient_h2) and http1 are its two protocols
conduct    how a server behaves whatever the provider
knobs      what can be turned; the simulated clock; scripts of single tokens
ledger     what was asked, what was answered, what each device received
provider   what a provider shows to wiring and control; a provider is a folder, found by its name
control    the HTTP port for people and tests
"""
