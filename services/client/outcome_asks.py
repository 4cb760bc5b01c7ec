"""What to ask over HTTP about what became of sends; pure, so that both clients are the same."""

from collections.abc import Sequence
from datetime import date
from urllib.parse import quote

from services.client.ask import Ask, reader
from services.client.asks import path_of
from services.client.outcome_models import Comparison, History, Receipts, Story
from shared.flow.day import AppReport
from shared.flow.full_report import FullReport


def report(send: str) -> Ask[FullReport]:
    return Ask("GET", f"{path_of(send)}/report", reader(FullReport))


def compare(sends: Sequence[str]) -> Ask[Comparison]:
    return Ask("GET", "/v1/sends:compare", reader(Comparison), query={"ids": ",".join(sends)})


def receipts(send: str, after: str | None) -> Ask[Receipts]:
    return Ask("GET", f"{path_of(send)}/receipts", reader(Receipts), query={"after": after} if after else None)


def story(send: str, device: str) -> Ask[Story]:
    return Ask("GET", f"{path_of(send)}/devices/{quote(device, safe='')}", reader(Story))


def history(device: str, limit: int, after: str | None) -> Ask[History]:
    query = {"limit": str(limit)} | ({"after": after} if after else {})
    return Ask("GET", f"/v1/devices/{quote(device, safe='')}/history", reader(History), query=query)


def days(app: str, first: date | None, last: date | None) -> Ask[AppReport]:
    query = {name: day.isoformat() for name, day in (("first", first), ("last", last)) if day is not None}
    return Ask("GET", f"/v1/apps/{app}/report", reader(AppReport), query=query)
