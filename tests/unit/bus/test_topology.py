"""The topology as data: what would lose a message in silence is not in it."""

import json
from pathlib import Path

import pytest

from shared.bus.definitions import definitions
from shared.bus.topology import DEAD_LETTERS, DEFAULT, Topology, topology, work_queues
from shared.providers.registry import platforms

FILE = Path(__file__).parents[3] / "deploy" / "rabbitmq" / "definitions.json"


@pytest.fixture(params=[1, 60, 100_000])
def everything(request: pytest.FixtureRequest) -> Topology:
    return topology(["apns", "fcm"], request.param)


def test_every_queue_is_replicated_bounded_and_named_once(everything: Topology) -> None:
    assert all(queue.arguments["x-queue-type"] == "quorum" for queue in everything.queues)
    assert all(int(queue.arguments["x-max-length"]) > 0 for queue in everything.queues)
    names = [queue.name for queue in everything.queues]
    assert len(names) == len(set(names))


def test_only_the_last_resort_drops_anything(everything: Topology) -> None:
    dropping = [queue.name for queue in everything.queues if queue.arguments["x-overflow"] != "reject-publish"]
    assert dropping == [DEAD_LETTERS]


def test_dead_lettering_is_at_least_once_and_its_target_exists(everything: Topology) -> None:
    queues = {queue.name for queue in everything.queues}
    exchanges = {exchange.name for exchange in everything.exchanges}
    for queue in everything.queues:
        if queue.name == DEAD_LETTERS:
            continue
        assert queue.arguments["x-dead-letter-strategy"] == "at-least-once"
        if queue.arguments["x-dead-letter-exchange"] == DEFAULT:
            assert queue.arguments["x-dead-letter-routing-key"] in queues
        else:
            assert queue.arguments["x-dead-letter-exchange"] in exchanges


def test_only_queues_that_nobody_consumes_have_a_time_limit(everything: Topology) -> None:
    consumed = set(work_queues(["apns", "fcm"])) | {"results.now", "results.bulk"}
    assert all("x-message-ttl" not in queue.arguments for queue in everything.queues if queue.name in consumed)


def test_every_binding_starts_at_an_exchange_that_is_declared(everything: Topology) -> None:
    exchanges = {exchange.name for exchange in everything.exchanges}
    assert all(exchange in exchanges for queue in everything.queues for exchange, _ in queue.bindings)


def test_what_production_imports_is_what_the_product_needs() -> None:
    wanted = definitions(platforms())
    assert json.loads(FILE.read_text("utf-8")) == wanted, (
        "run: python -m shared.bus.definitions > deploy/rabbitmq/definitions.json"
    )
