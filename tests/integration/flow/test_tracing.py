"""A send's trace, from the backend's request to the provider's call and the result, as a collector gets it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from services.cli.local.fleet import Fleet
from services.cli.local.servers import Broker
from shared.runtime.tracing import TRACES
from tests.integration.flow.backend import Backend, open_backend
from tests.integration.flow.collector import Collector, Seen, running_collector
from tests.integration.flow.conftest import SMALL_CHUNKS, running, scene_in
from tests.integration.flow.scene import Scene, frozen, until, utc
from tests.integration.reporter.hooks import receiving

pytestmark = pytest.mark.anyio
SERVICES = {"carillon-ingest", "carillon-delivery", "carillon-reporter"}
STATE = "vendor=of-the-backend"


class Caller:
    """A backend's own span, which it samples."""

    def __init__(self) -> None:
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)

    @property
    def headers(self) -> dict[str, str]:
        return {"traceparent": f"00-{self.trace}-{self.span}-01", "tracestate": STATE}


@pytest.fixture(scope="module")
def collector() -> Iterator[tuple[Collector, str]]:
    with running_collector() as found:
        yield found


@pytest.fixture(scope="module")
def traced_fleet(
    broker: Broker, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory, collector: tuple[Collector, str]
) -> Iterator[Fleet]:
    """Only what a caller samples is sampled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector[1])
        patch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with running(broker, mongodb_url, tmp_path_factory.mktemp("traced"), SMALL_CHUNKS) as fleet:
            yield fleet


@pytest.fixture
async def scene(traced_fleet: Fleet) -> AsyncIterator[Scene]:
    async with scene_in(traced_fleet) as one:
        yield one


@pytest.fixture
async def backend(scene: Scene) -> AsyncIterator[Backend]:
    async with open_backend(scene.fleet.site.amqp_url) as one:
        yield one


@pytest.fixture
def spans(collector: tuple[Collector, str]) -> Collector:
    return collector[0]


async def post(scene: Scene, audience: object, caller: Caller | None) -> str:
    headers = {"authorization": f"Bearer {scene.app_secret}"} | (caller.headers if caller else {})
    body = {"audience": audience, "message": {"title": "Ding"}}
    answer = await scene.http.post("/v1/sends", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def traced(spans: Collector, caller: Caller) -> dict[str, list[Seen]]:
    """All spans of the trace by name, once its last ones have come."""
    await until(
        lambda: {"finished", "result"} <= {one.name for one in spans.of(caller.trace)},
        otherwise=lambda: str([(one.service, one.name) for one in spans.of(caller.trace)]),
    )
    await until(lambda: complete(spans.of(caller.trace), caller), otherwise=lambda: str(spans.of(caller.trace)))
    found: dict[str, list[Seen]] = {}
    for one in spans.of(caller.trace):
        found.setdefault(one.name, []).append(one)
    return found


def complete(some: list[Seen], caller: Caller) -> bool:
    """Every span's parent has come as well: exporters do not wait for each other."""
    known = {one.id for one in some} | {caller.span}
    return all(one.parent in known for one in some)


def only(some: list[Seen]) -> Seen:
    assert len(some) == 1, some
    return some[0]


async def test_a_single_send_is_one_trace_and_needs_no_plan(scene: Scene, spans: Collector) -> None:
    (device,) = await scene.devices("apns", user="ada")
    caller = Caller()
    send = await post(scene, {"users": ["ada"], "platforms": ["apns"]}, caller)
    await scene.finished(send)
    found = await traced(spans, caller)
    chain = [only(found[name]) for name in ("POST /v1/sends", "accept", "deliver", "apns send")]
    assert [one.parent for one in chain] == [caller.span, *(one.id for one in chain[:-1])]
    request, deliver, call = chain[0], chain[2], chain[3]
    result, finished = only(found["result"]), only(found["finished"])
    assert (result.parent, finished.parent) == (deliver.id, result.id)
    assert {one.service for one in spans.of(caller.trace)} == SERVICES
    assert {one.state for one in spans.of(caller.trace)} == {STATE}
    assert request.attributes["http.response.status_code"] == 202
    assert {one.attributes["carillon.send"] for one in chain[1:]} == {send}
    assert call.attributes["http.response.status_code"] == 200
    assert call.attributes["carillon.accepted"] == 1
    assert 0 < call.seconds < deliver.seconds
    assert device.token not in str(spans.of(caller.trace))
    assert spans.paths == {"/v1/traces"}


async def test_a_command_over_amqp_is_traced_by_its_headers_and_each_chunk_has_its_spans(
    scene: Scene, backend: Backend, spans: Collector
) -> None:
    await scene.crowd("fcm", 70)
    caller, id_ = Caller(), secrets.token_hex(8)
    command = {"id": id_, "audience": {"everyone": True}, "message": {"title": "Ding"}}
    assert (await backend.command(scene, command, headers=caller.headers))["state"] == "accepted"
    report = await scene.finished(id_)
    found = await traced(spans, caller)
    assert only(found["command"]).parent == caller.span
    plan = only(found["plan"])
    assert plan.parent == only(found["accept"]).id
    assert plan.attributes["carillon.chunks"] >= 4
    chunks = {one.attributes["carillon.chunk"]: one for one in found["deliver"] if one.attributes["carillon.variant"]}
    assert len(chunks) >= plan.attributes["carillon.chunks"]
    assert {one.parent for one in found["deliver"]} == {plan.id}
    calls = found["fcm send"]
    assert sum(one.attributes["carillon.accepted"] for one in calls) == report["total"]["delivered"] == 70
    assert all(one.parent == chunks[one.attributes["carillon.chunk"]].id for one in calls)
    assert only(found["finished"]).parent == plan.id

    def heard() -> set[str]:
        results = [one for one in spans.of(caller.trace) if one.name == "result"]
        return {one.parent for one in results} | {span for one in results for _, span in one.links}

    await until(lambda: heard() == {one.id for one in found["deliver"]})  # the last is over after the send is


async def test_a_retry_belongs_to_the_send_and_is_linked_with_the_attempt_before(
    scene: Scene, spans: Collector
) -> None:
    (device,) = await scene.devices("fcm", user="bea")
    await scene.providers.script("fcm", device.token, {"status": 503, "times": 1})
    caller = Caller()
    await scene.finished(await post(scene, {"users": ["bea"], "platforms": ["fcm"]}, caller))
    found = await traced(spans, caller)
    first, second = sorted(found["deliver"], key=lambda one: one.attributes["carillon.attempt"])
    assert [one.attributes["carillon.attempt"] for one in (first, second)] == [1, 2]
    assert first.parent == second.parent == only(found["accept"]).id
    assert second.links == ((caller.trace, first.id),)
    statuses = {one.parent: one.attributes["http.response.status_code"] for one in found["fcm send"]}
    assert statuses == {first.id: 503, second.id: 200}


async def test_sends_that_are_worked_together_keep_their_own_traces_and_are_linked(
    scene: Scene, spans: Collector
) -> None:
    await scene.devices("apns", 30, user="user-{}")
    callers = [Caller() for _ in range(30)]
    async with frozen(scene.fleet.processes["delivery-apns"].pid):  # so that they wait for it together
        sends = await asyncio.gather(
            *(post(scene, {"users": [f"user-{n}"], "platforms": ["apns"]}, one) for n, one in enumerate(callers))
        )
    await asyncio.gather(*(scene.finished(send) for send in sends))
    linked = 0
    for caller, send in zip(callers, sends, strict=True):
        found = await traced(spans, caller)
        deliver = only(found["deliver"])
        assert deliver.attributes["carillon.send"] == send
        assert deliver.parent == only(found["accept"]).id
        assert only(found["apns send"]).parent == deliver.id
        assert all(trace != caller.trace for trace, _ in deliver.links)
        linked += bool(deliver.links)
    assert linked > len(callers) / 2


async def test_a_send_that_is_replaced_before_it_begins_keeps_its_trace(scene: Scene, spans: Collector) -> None:
    await scene.devices("apns", user="lou")
    caller, body = Caller(), {"audience": {"users": ["lou"]}, "message": {"title": "Ding"}}
    headers = {"authorization": f"Bearer {scene.app_secret}", **caller.headers}
    later, soon = ((utc() + timedelta(seconds=seconds)).isoformat() for seconds in (3600, 1))
    made = await scene.http.post("/v1/sends", json={**body, "send_at": later}, headers=headers)
    send = made.json()["id"]
    assert (await scene.call("PUT", f"/v1/sends/{send}", {**body, "send_at": soon})).is_success
    await scene.finished(send)
    found = await traced(spans, caller)
    assert {one.parent for one in found["deliver"]} == {only(found["accept"]).id}


async def test_what_nobody_samples_has_no_span_and_nothing_in_the_store(scene: Scene, spans: Collector) -> None:
    await scene.devices("apns", user="eve")
    send, caller = await post(scene, {"users": ["eve"]}, None), Caller()
    sampled = await post(scene, {"users": ["eve"]}, caller)
    await scene.finished(send)
    await scene.finished(sampled)
    await traced(spans, caller)
    assert not [one for one in spans.spans if one.attributes.get("carillon.send") == send]
    stored = await scene.store.sends.many([scene.key(send), scene.key(sampled)])
    assert stored[scene.key(send)].trace == ""
    assert caller.trace in stored[scene.key(sampled)].trace


async def test_what_a_backend_is_told_of_a_sampled_send_goes_on_in_its_trace(scene: Scene, backend: Backend) -> None:
    await scene.devices("apns", user="ida")
    await scene.devices("fcm", 120, known={"script": [{"status": 400, "reason": "INVALID_ARGUMENT", "times": 1}]})
    events, small, large = await backend.feedback(scene.app), Caller(), Caller()
    async with receiving() as receiver:
        hook = {"url": receiver.url, "events": ["send.finished", "send.failing"]}
        assert (await scene.call("POST", "/v1/webhooks", hook)).is_success
        sends = {await post(scene, {"users": ["ida"], "platforms": ["apns"]}, small): small}
        sends[await post(scene, {"platforms": ["fcm"]}, large)] = large
        silent = {await post(scene, {"users": ["ida"]}, None) for _ in range(3)}
        for send in [*sends, *silent]:
            await scene.finished(send)
        await until(lambda: {one["send"] for one in events if one["kind"] == "send"} == {*sends, *silent})
        await until(lambda: len({*receiver.ids}) == 6)
    calls = [
        (dict(headers), body["data"]["send"]) for (headers, _), body in zip(receiver.heard, receiver.told, strict=True)
    ]
    for headers, send in [*((backend.came_with[one["id"]], one["send"]) for one in events), *calls]:
        if send in silent:
            assert not {"traceparent", "tracestate", TRACES} & headers.keys()
        else:
            version, trace, span, flags = headers["traceparent"].split("-")
            assert (version, trace, flags, headers["tracestate"]) == ("00", sends[send].trace, "01", STATE)
            assert span != sends[send].span
    assert {one["send"] for one in events if one["kind"] == "chunk"} == {*sends, *silent}
    assert {body["type"] for body in receiver.told} == {"send.finished", "send.failing"}
