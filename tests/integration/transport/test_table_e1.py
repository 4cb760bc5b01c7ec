"""Every row of table E.1 on the wire, through the engine and through the libraries: the verdict is the table's."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.delivery.transport.contract import Parcel
from services.delivery.transport.through_httpx import open_httpx
from shared.flow.verdict import Answer, Delivered, NotProcessed, Outcome, Verdict
from shared.providers.contract import AuthorizationRefused, Origin
from shared.providers.fcm.settings import FcmEndpoints, FcmSettings
from shared.providers.registry import provider
from tests.integration.http2.provider import AUTHORITY
from tests.integration.simulator import apns_rig
from tests.integration.simulator.fcm.running import PROJECT, account_of, running_firebase
from tests.integration.transport.carriers import (
    CARRIERS,
    WAIT_FOR_A_CONNECTION,
    Carrier,
    apns_parcel,
    carrying,
    escaping,
    outcome_of,
    parcel_of,
    short_timers,
)
from tests.integration.transport.far_ends import ELSEWHERE, SITUATIONS, Situation
from tests.integration.transport.library_faults import ESCAPES, FAULTS, WORDS
from tests.integration.transport.simulated import simulated
from tests.unit.providers.table_e1 import APNS, FCM, OAUTH, TRANSPORT, Case

pytestmark = pytest.mark.anyio

SENT_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
DELIVERED = APNS[0]
BY_CERTIFICATE = next(case for case in APNS if case.about == "as the reason of a GOAWAY")
OUR_WORD = {"connect": "no_connection"}
"""The table's word for it, and the transports'."""
ROWS = {str(case): case for case in (*TRANSPORT, DELIVERED)}
ANSWERED = {
    "apns": [case for case in (*APNS, *TRANSPORT) if isinstance(case.outcome, Answer)],
    "fcm": [case for case in (*FCM, *TRANSPORT) if isinstance(case.outcome, Answer)],
}
"""The rows in which somebody answers: the simulated providers do, or somebody in between."""


@pytest.fixture
def ca_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    short_timers(monkeypatch)
    for name in [one for one in os.environ if one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    path = tmp_path / "ca.pem"
    path.write_bytes(AUTHORITY.pem + ELSEWHERE.pem)
    return path


async def sent(carrier: Carrier, ca_file: Path, parcel: Parcel, where: str) -> Outcome:
    """What became of a request. No exception may leave the transport, but those that a library is known for."""
    with escaping() as escaped:
        async with carrying(carrier.name, ca_file) as transport:
            outcome = await outcome_of(transport, parcel)
    assert sorted(set(escaped)) == sorted(ESCAPES.get(carrier.name, {}).get(where, ()))
    return outcome


def check(carrier: Carrier, where: str, outcome: Outcome, expected: Verdict) -> None:
    """The table's verdict, or exactly what the library is known to do instead, which must differ from it."""
    fault, verdict = FAULTS.get(carrier.name, {}).get(where), _judged(carrier, outcome)
    if fault is None:
        assert verdict == expected
    else:
        assert _bare(outcome) in (fault if isinstance(fault, tuple) else (fault,))
        assert verdict != expected, "the library does it right now: it is no fault any more"


def _judged(carrier: Carrier, outcome: Outcome) -> Verdict:
    return provider(carrier.platform).verdict(outcome, SENT_AT)


def _bare(outcome: Outcome) -> Outcome:
    return Answer(outcome.status, {}) if isinstance(outcome, Answer) else outcome


@pytest.mark.parametrize(
    ("carrier", "case"), [(carrier, case) for carrier in CARRIERS for case in ANSWERED[carrier.platform]], ids=str
)
async def test_an_answer_has_the_verdict_of_its_row(carrier: Carrier, case: Case, ca_file: Path) -> None:
    assert isinstance(case.outcome, Answer)
    async with simulated(carrier.platform, case.outcome, ca_file) as asked:
        outcome = await sent(carrier, ca_file, asked.parcel, str(case))
        assert asked.times() == 1
    check(carrier, str(case), outcome, case.verdict)


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
@pytest.mark.parametrize("carrier", CARRIERS, ids=str)
async def test_what_happens_on_the_way_has_the_verdict_of_its_row(
    carrier: Carrier, situation: Situation, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if situation.reason == "no_connection":
        short_timers(monkeypatch, WAIT_FOR_A_CONNECTION)
    async with situation.open() as far:
        for name, value in far.environ.items():
            monkeypatch.setenv(name, value)
        parcel = parcel_of(carrier.platform, Origin(far.host, far.port, "key"))
        outcome = await sent(carrier, ca_file, parcel, str(situation))
    expected = ROWS[situation.row].verdict
    if not isinstance(expected, Delivered):
        expected = replace(expected, reason=WORDS.get(carrier.name, {}).get(str(situation), situation.reason))
    check(carrier, str(situation), outcome, expected)


@pytest.mark.parametrize("carrier", [one for one in CARRIERS if one.platform == "apns"], ids=str)
async def test_a_certificate_of_the_other_environment_is_told_by_goaway(carrier: Carrier, ca_file: Path) -> None:
    async with apns_rig.rigged(ca_file.parent) as rig:
        rig.authority.write(ca_file)
        pair = rig.authority.push_certificate(apns_rig.BUNDLE, environments=("sandbox",))
        origin = Origin("localhost", rig.servers["apns.production"].port, "key", pair.certificate + pair.key)
        outcome = await sent(carrier, ca_file, apns_parcel(origin, ()), str(BY_CERTIFICATE))
    check(carrier, str(BY_CERTIFICATE), outcome, BY_CERTIFICATE.verdict)


# ── Google's token endpoint: whatever carries the notifications, httpx asks for the access token ─────────────────


@pytest.mark.parametrize("row", OAUTH, ids=[one[0] for one in OAUTH])
async def test_a_refused_access_token_says_whether_only_an_operator_can_mend_it(
    row: tuple[str, Outcome, str, bool], ca_file: Path
) -> None:
    _, outcome, reason, permanent = row
    async with running_firebase() as firebase:
        firebase.authority.write(ca_file)
        firebase.knobs(token_faults=[{"share": 1, **_fault(outcome)}])
        port = 1 if isinstance(outcome, NotProcessed) else firebase.port
        settings = FcmSettings.model_validate({"service_account": account_of(PROJECT)[0]})
        endpoints = FcmEndpoints(fcm_token_url=f"https://localhost:{port}/token")
        async with open_httpx(ca_file) as httpx:
            with pytest.raises(AuthorizationRefused) as refused:
                await provider("fcm").authorize(settings, endpoints, datetime.now(UTC), httpx.post)
    assert refused.value.reason == OUR_WORD.get(reason, reason)
    assert refused.value.permanent == permanent


def _fault(outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, Answer):
        return {"status": outcome.status, "body": outcome.body.decode()}
    return {"drop": "black_hole"}


# ── nothing is left out, nothing is on a list without cause ──────────────────────────────────────────────────────


def test_every_row_of_the_table_is_had_on_the_wire() -> None:
    on_the_wire = [*ANSWERED["apns"], *ANSWERED["fcm"], BY_CERTIFICATE, *(ROWS[one.row] for one in SITUATIONS)]
    table = [*TRANSPORT, *APNS, *FCM]
    assert [case for case in table if case not in on_the_wire] == []


def test_every_fault_on_the_list_is_one_that_a_test_looks_for() -> None:
    found = {str(one) for one in (*SITUATIONS, *ANSWERED["apns"], *ANSWERED["fcm"], BY_CERTIFICATE)}
    listed = {where for by_library in (FAULTS, WORDS, ESCAPES) for rows in by_library.values() for where in rows}
    assert listed <= found
    assert not any(FAULTS[name].keys() & WORDS[name].keys() for name in FAULTS)
