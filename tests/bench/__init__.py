"""Measures Carillon on one machine: `make bench`. Loopback only, bounded in count and time, ends what it started.

    send_path (a)(f)   devices in memory ─▶ Attempts ─▶ engine | aioapns | httpx ─▶ sink, one core each; h2load beside
    pipeline  (b)      request ─▶ ingest ─▶ RabbitMQ ─▶ planner ─▶ delivery ─▶ sink … reporter ─▶ finished report
    single    (c)      load.c ─▶ ingest ─▶ … ─▶ sink, one user a request; `now` while a bulk broadcast runs
    growth    (d)      the pipeline over 300 k, 1 M and 3 M devices
    latency   (e)      the pipeline with a provider that takes 20 and 100 ms
    capped    (g)      the pipeline under a frequency cap, against without
    outcomes  (h)      generated results of 10 M devices: written, folded and read by the product's own code

sink, load (C), h2load, nginx  the other ends, each a process; `installed` brings what they are made of
clients                        one run of one client on a core of its own, counted at both ends
work, client, bare             what a slice does, with devices in memory, in a process of its own; the libraries alone
whole, seeding, loading        Carillon's own processes, their devices, and requests to them
usage, profiling               what each process used, and where in its code
figures, bars, machine         what came out, what it is held against, and where it was measured
"""
