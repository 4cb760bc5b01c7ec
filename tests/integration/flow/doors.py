"""A backend's two doors as tests use them: the same requests, and what is answered in the same words."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import httpx

Json = dict[str, Any]
Call = Callable[[str, str, object], Awaitable[httpx.Response]]
ORDERED: Final = {"cancel": "cancelled", "pause": "paused", "resume": "resumed"}


class Door(Protocol):
    """By which an app's sends are made and ordered about. Answers have a `state`, and `errors` if it is `rejected`."""

    async def place(self, request: Json) -> Json:
        """`accepted` with the `id` of the send, or `valid`."""

    async def several(self, requests: Sequence[Json]) -> list[Json]:
        """The same for many in one request."""

    async def order(self, send: str, wish: str) -> str:
        """`cancelled`, `paused` or `resumed`; or `too late`, or `unknown`."""

    async def replace(self, send: str, request: Json) -> Json:
        """`replaced`."""

    async def estimate(self, audience: Json) -> Json:
        """How many devices it has, or `errors`."""

    async def preview(self, question: Json) -> Json:
        """What a device would get, or `errors`."""


class OverHttp:
    """`call` makes a request with the app's secret."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def place(self, request: Json) -> Json:
        answer = await self._call("POST", "/v1/sends", request)
        return _told(answer.status_code, answer.json())

    async def several(self, requests: Sequence[Json]) -> list[Json]:
        answer = await self._call("POST", "/v1/sends:batch", {"sends": list(requests)})
        assert answer.status_code == 200, answer.text
        return [_told(one["status"], one["send"] or one["problem"]) for one in answer.json()["results"]]

    async def order(self, send: str, wish: str) -> str:
        answer = await self._call("POST", f"/v1/sends/{send}:{wish}", None)
        if answer.status_code == 200:
            assert (answer.json()["order"] or "resumed") == ORDERED[wish]
            return ORDERED[wish]
        return {409: "too late", 404: "unknown"}[answer.status_code]

    async def replace(self, send: str, request: Json) -> Json:
        answer = await self._call("PUT", f"/v1/sends/{send}", request)
        if answer.status_code == 200:
            return {"id": answer.json()["id"], "state": "replaced"}
        pointer = {409: "/do", 404: "/id"}.get(answer.status_code, "")  # what is wrong with the order, over AMQP
        errors = answer.json().get("errors") or [{"pointer": pointer, "detail": answer.json()["detail"]}]
        return {"state": "rejected", "errors": errors}

    async def estimate(self, audience: Json) -> Json:
        return dict((await self._call("POST", "/v1/audiences:estimate", {"audience": audience})).json())

    async def preview(self, question: Json) -> Json:
        return dict((await self._call("POST", "/v1/templates:preview", question)).json())


def _told(status: int, answer: Json) -> Json:
    if status in (200, 202):
        return answer
    assert status in (400, 413, 422), answer
    errors = answer.get("errors") or [{"pointer": "", "detail": answer["detail"]}]
    return {"state": "rejected", "errors": errors}
