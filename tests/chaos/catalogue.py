"""Every case, as data."""

from typing import Final

from tests.chaos.case import Case, Setup, Stack
from tests.chaos.faults import (
    audiences,
    broker,
    bulkheads,
    deaths,
    garbage,
    limits,
    machines,
    network,
    poison,
    refusals,
    repeats,
    store,
    wire,
)

THREE: Final = Setup(Stack(store_nodes=3))
MINUTE: Final = Setup(Stack(scale=10))
"""At 60 a minute would be an hour of retries, after which Google is left alone."""
LARGE_CHUNKS: Final = Setup(Stack(chunk=500))
"""As in production: what then comes back together is more than a budget of retries holds."""
CERTIFIED: Final = Setup(variants=("apns", "fcm", "apns+certificate"))
NEVER: Final = Setup(duplicates="never")
SLOW: Final = Setup(latency=0.4, trickle=3)
TOLD: Final = Setup(latency=0.4, trickle=3, webhook=True)
ALONE: Final = Setup(trickle=0.01)
LIMITED: Final = Setup(variants=("apns",), latency=0.05, trickle=2)
BUSY_DOOR: Final = Setup(latency=0.1, trickle=15)
LONG: Final = 1200
"""Seconds: each campaign of these waits for what a sick variant owes to expire."""
TEN: Final = Setup(variants=("apns",) * 10, ttl=100, trickle=0.3, reports_within=160)
"""Each single send of these is ten; what the dead variant owes waits until its deadline."""

DEATHS: Final = (
    Case("kill-ingest", "kill -9 of ingest", deaths.killed("ingest"), BUSY_DOOR, kills=True),
    *(
        Case(f"kill-{name}", f"kill -9 of {name}", deaths.killed(name), SLOW, kills=True)
        for name in deaths.SERVICES[1:-1]
    ),
    Case("kill-reporter", "kill -9 of reporter", deaths.killed("reporter"), TOLD, kills=True),
    Case("rolling-restart", "SIGTERM for every service in turn", deaths.rolling_restart),
    Case(
        "kill-often",
        "kill -9 of one worker every 5 s, whatever it does",
        deaths.killed_often,
        SLOW,
        kills=True,
        timed=False,
    ),
    Case(
        "poison",
        "a notification that kills its worker every time",
        poison.alone,
        ALONE,
        kills=True,
        timed=False,
        drives=True,
        poison=True,
    ),
    Case(
        "poison-in-company",
        "the same in the middle of a campaign",
        poison.in_company,
        ALONE,
        kills=True,
        timed=False,
        drives=True,
        poison=True,
    ),
    Case("frozen-worker", "SIGSTOP of a worker past its claims", deaths.frozen_past_its_claim),
    Case("twins", "two reporters and two planners, each killed once", deaths.twins, TOLD, kills=True),
)
BROKER: Final = (
    Case("broker-restart", "the broker restarts", broker.restarted),
    Case("broker-killed", "kill -9 of the broker", broker.killed),
    Case("connections-closed", "close_all_connections every 3 s", broker.connections_closed),
    Case("disk-alarm", "the broker's disk is low", broker.disk_alarm),
    Case("memory-alarm", "the broker's memory is low", broker.memory_alarm),
    Case("garbage", "messages that nobody can read in the queues of work and results", garbage.unreadable),
)
STORE: Final = (
    Case("primary-killed", "kill -9 of MongoDB's primary", store.primary_killed, THREE),
    Case("primary-steps-down", "MongoDB's primary steps down", store.stepped_down, THREE),
    Case("primary-frozen", "MongoDB's primary stops answering", store.primary_frozen, THREE),
)
PROVIDERS: Final = (
    Case("goaway-storm", "GOAWAY after every 50 requests", wire.goaways),
    Case("black-hole", "1 % of the requests are never answered", wire.black_hole, drives=True),
    Case("unavailable", "503 for a minute", refusals.unavailable, MINUTE),
    Case("stumbling", "503 to everything for a second, again and again", refusals.stumbling, LARGE_CHUNKS),
    Case("throttled-told-when", "429 with Retry-After", refusals.throttled_and_told_when),
    Case("throttled", "429 without Retry-After", refusals.throttled),
    Case("answers-lost", "accepted, then the connection drops; `never` repeats", wire.answers_lost, NEVER, drives=True),
    Case("connections-refused", "connections are refused", wire.connections_refused),
    Case("one-stream", "MAX_CONCURRENT_STREAMS drops to 1", wire.one_stream),
)
WRONG: Final = (
    Case("wrong-certificate", "the provider's certificate is not trusted", machines.wrong_certificate, CERTIFIED),
    Case("wrong-environment", "tokens of the other environment", audiences.wrong_environment, drives=True),
    Case("clocks-off", "clocks an hour ahead and behind", machines.clocks_off, needs=(machines.FAKETIME,)),
)
AUDIENCES: Final = (
    Case("same-send", "the same commands published three times", repeats.same_send, Setup(reports_within=160)),
    Case("changing-devices", "devices come, move, change and go", audiences.changing),
    Case(
        "one-of-ten-dead",
        "one variant's key is revoked",
        bulkheads.one_of_ten(bulkheads.revoked),
        TEN,
        drives=True,
        limit=LONG,
    ),
    Case(
        "one-of-ten-silent",
        "one variant's provider takes everything and answers nothing",
        bulkheads.one_of_ten(bulkheads.silent),
        TEN,
        drives=True,
        limit=LONG,
    ),
    Case("rate-limit", "three replicas under a limit, one killed", limits.shared, LIMITED, kills=True, drives=True),
)
NETWORK: Final = tuple(
    Case(
        f"vanish-{far}-{way}", f"packets between delivery and {far} vanish, {way}", network.vanish(far, way),
        own_network=True, needs=(network.NFT,),
    )
    for far in ("broker", "store", "provider")
    for way in ("both", "out", "in")
)  # fmt: skip
CASES: Final = (*DEATHS, *BROKER, *STORE, *PROVIDERS, *WRONG, *AUDIENCES, *NETWORK)
SHORT: Final = (
    *(f"kill-{name}" for name in deaths.SERVICES),
    "broker-restart",
    "connections-closed",
    "goaway-storm",
)
"""What `make test` runs."""
