"""The small pure parts: batches, runs as bytes, proxies, back-off, turns."""

import asyncio
import random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.http2.backoff import CAP, Backoff
from services.delivery.http2.batch import Batch
from services.delivery.http2.columns import header_fields, run_bytes
from services.delivery.http2.frames import END_HEADERS, END_STREAM, HEADERS, frame
from services.delivery.http2.header_block import BlockWriter
from services.delivery.http2.proxy import Proxy, proxies
from services.delivery.http2.turns import A_TURN, Turns
from shared.flow.lane import Lane
from shared.flow.verdict import Answer, ConnectionTrouble, NotProcessed
from shared.runtime.express import ExpressLoop

COLUMN = st.one_of(st.binary(max_size=300), st.lists(st.binary(max_size=300), min_size=4, max_size=4))


@given(
    COLUMN,
    COLUMN,
    st.lists(st.tuples(st.binary(max_size=20), st.lists(st.binary(max_size=200), min_size=4, max_size=4)), max_size=2),
)
def test_a_run_is_its_requests_one_after_the_other(
    path: bytes | list[bytes], body: bytes | list[bytes], own: list[tuple[bytes, list[bytes]]]
) -> None:
    asked = Batch(4, ((b"apns-topic", b"app"),), path, body, own=own)
    parts = BlockWriter(b"api").parts(asked.shared, 0)
    expected = b""
    for index in range(1, 4):
        one = body if isinstance(body, bytes) else body[index]
        expected += frame(HEADERS, END_HEADERS, 5 + 2 * index, header_fields(asked, index, parts))
        expected += frame(0, END_STREAM, 5 + 2 * index, one)
    assert run_bytes(asked, 1, 4, 7, parts) == expected


def test_a_batch_counts_its_answers_by_how_long_they_took() -> None:
    asked, done = Batch(5, (), b"/", b""), []
    asked.on_done = lambda: done.append(True)
    asked.succeeded(3, 0.005, 10.0)
    asked.failed(4, Answer(410, {}, b"", 0.3), 11.0)
    assert not done
    asked.failed(1, NotProcessed("x"), 12.0)
    assert done == [True]
    assert asked.latency == [3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert (asked.first_answer, asked.last_answer, asked.delivered) == (10.0, 11.0, 3)
    assert list(asked.statuses()) == [1, 2, 1, 1, 2]


@pytest.mark.parametrize(
    ("host", "through"),
    [
        ("api.push.apple.com", True),
        ("inner.example.com", False),
        ("example.com", False),
        ("notexample.com", True),
        ("10.1.2.3", False),
        ("11.1.2.3", True),
        ("special", False),
    ],
)
def test_no_proxy_names_domains_addresses_and_ports(host: str, *, through: bool) -> None:
    environ = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "example.com, .other.example,10.0.0.0/8,special:443"}
    assert (proxies(environ).through(host, 443) is not None) is through


def test_without_https_proxy_there_is_none() -> None:
    assert proxies({"NO_PROXY": "*"}).through("x", 443) is None
    assert proxies({"HTTPS_PROXY": "p:1", "no_proxy": "*"}).through("x", 443) is None


def test_a_proxy_that_cannot_be_used_is_said_at_the_start() -> None:
    with pytest.raises(ValueError, match="HTTPS_PROXY"):
        proxies({"HTTPS_PROXY": "socks5://proxy:1080"})


def test_credentials_of_a_proxy_are_not_shown() -> None:
    found = proxies({"https_proxy": "http://user:secret@proxy:1"}).proxy
    assert found == Proxy("proxy", 1, "user:secret")
    assert "secret" not in repr(found)


def test_waits_grow_to_their_cap_with_full_jitter() -> None:
    rng, most = random.Random(1), []
    for failures in range(9):
        waits = []
        for _ in range(200):
            backoff = Backoff(rng, 1)
            for _ in range(failures + 1):
                backoff.failed(None, 0)
            waits.append(next(t / 10 for t in range(700) if backoff.ready(t / 10)))
        assert min(waits) < max(waits) / 4
        most.append(max(waits))
    assert all(
        0.8 * cap <= wait <= cap + 0.1 for wait, cap in zip(most, (1, 2, 4, 8, 16, 32, CAP, CAP, CAP), strict=True)
    )


def test_what_somebody_must_mend_is_not_tried_again_soon() -> None:
    backoff = Backoff(random.Random(), 1)
    backoff.failed(NotProcessed("no_connection", ConnectionTrouble.PEER_NOT_TRUSTED), 0)
    assert not backoff.ready(59)
    assert backoff.ready(60)


def test_nobody_waits_for_a_peer_that_hangs_up_again_and_again() -> None:
    backoff, seen = Backoff(random.Random(), 1), []
    for _ in range(3):
        backoff.failed(None, 0)
        seen.append(backoff.outcome)
    backoff.succeeded()
    seen.append(backoff.outcome)
    assert seen == [None, None, NotProcessed("no_connection", ConnectionTrouble.UNREACHABLE), None]
    assert backoff.ready(0)


class Greedy:
    """Writes as long as it may."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def write(self, lane: Lane, until: float) -> bool:
        if lane is Lane.BULK and perf_counter() < until:
            self.log.append(self.name)
            while perf_counter() < until:
                pass
        return lane is Lane.BULK

    def flush(self) -> None: ...


@pytest.mark.anyio
async def test_who_had_no_time_in_a_turn_comes_first_in_the_next() -> None:
    log: list[str] = []
    turns = Turns(asyncio.get_running_loop())
    for name in "abc":
        turns.ask(Greedy(log, name), Lane.BULK)
    began = perf_counter()
    while len(log) < 9:  # noqa: ASYNC110  # it is the turns of the loop that are counted
        await asyncio.sleep(0)
    assert sorted(log[:3]) == sorted(log[3:6]) == ["a", "b", "c"]
    assert perf_counter() - began >= 8 * A_TURN


def test_a_turn_that_bulk_asked_for_comes_sooner_when_now_asks_too() -> None:
    """On the loop that delivery has, where what goes first overtakes what was ready before."""

    async def main() -> list[str]:
        log: list[str] = []
        loop = asyncio.get_running_loop()
        turns = Turns(loop)
        turns.ask(Seen(log), Lane.BULK)
        for _ in range(5):
            loop.call_soon(log.append, "rest")
        turns.ask(Seen(log), Lane.NOW)
        await asyncio.sleep(0.01)
        return log

    with asyncio.Runner(loop_factory=ExpressLoop) as runner:
        log = runner.run(main())
    assert log[:2] == ["now", "now"]
    assert log.count("rest") == 5
    assert log.index("bulk") > log.index("rest")  # that waits for its own turn
    assert log.count("bulk") == 2


class Seen:
    """Writes down that it was asked."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def write(self, lane: Lane, until: float) -> bool:  # noqa: ARG002  # as a writer is asked
        self.log.append(str(lane))
        return False

    def flush(self) -> None: ...
