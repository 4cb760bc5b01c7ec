"""How an APNs server treats its connections, whichever endpoint: stream limits, certificates, errors, the log."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections import deque
from uuid import uuid4

from h2.settings import SettingCodes

from services.simulator.apns.authentication import binding_of, present
from services.simulator.apns.call import Call
from services.simulator.apns.checks import is_uuid
from services.simulator.apns.keys import claims_of
from services.simulator.apns.reasons import Refusal
from services.simulator.apns.site import Site
from services.simulator.apns.verdict import OK, Verdict, refusal
from services.simulator.conduct import Conduct
from services.simulator.exchange import Answer, Connection, Headers, Request, Response, Then

# As seen on the wire (the protocol reference, A.2).
SETTINGS = {
    SettingCodes.HEADER_TABLE_SIZE: 4096,
    SettingCodes.INITIAL_WINDOW_SIZE: 65_535,
    SettingCodes.MAX_FRAME_SIZE: 16_384,
    SettingCodes.MAX_HEADER_LIST_SIZE: 8_000,
}
BAD_TOKEN_POINTS, ERROR_POINTS = 1.0, 0.25  # BadDeviceToken leads to a disconnection faster (Apple)


class ApnsHandler(Conduct):
    """A subclass gives `judge`, and `id_header` where its endpoint echoes another id."""

    def __init__(self, listener: str, site: Site) -> None:
        super().__init__(site.dial, site.clock)
        self.listener = listener
        self.site = site

    @abstractmethod
    def judge(self, call: Call) -> Verdict:
        """The endpoint's rules."""

    def id_header(self, call: Call) -> str:  # noqa: ARG002  for a subclass
        """The header of the id that is echoed, or made."""
        return "apns-id"

    # ── Conduct ──────────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self, connection: Connection) -> dict[SettingCodes, int]:
        present(connection, self.site.name)
        return {**SETTINGS, SettingCodes.MAX_CONCURRENT_STREAMS: self.streams(connection)}

    def opened(self, connection: Connection) -> None:
        """A certificate that never works here is told so after the handshake, and nothing is answered."""
        refused, way = binding_of(connection).refused, self.site.dial.now.certificate_refusal
        if refused is None or way == "status":
            return
        then = Then.STAY if way == "two_goaways" else Then.DRAIN
        connection.goaway(last_stream_id=0, debug=_reason(refused.reason), then=then)
        if way == "two_goaways":
            connection.goaway(last_stream_id=0)

    def streams(self, connection: Connection) -> int:
        """One stream until a credential has proved right, and again while punished."""
        free = binding_of(connection).proven and not connection.state.get("punished", False)
        limit = self.site.dial.now.stream_limit
        return limit if free else min(1, limit)

    def sweep(self, connection: Connection) -> None:
        super().sweep(connection)
        self.site.settle()

    def idle(self, connection: Connection) -> None:
        if self.site.dial.now.idle_answer == "status":
            connection.state["idled"] = True
        else:
            connection.goaway(debug=_reason("IdleTimeout"))

    def decide(self, request: Request) -> Answer:
        call = self.site.call(request)
        idled = request.connection.state.pop("idled", False)
        verdict = refusal(Refusal("IdleTimeout")) if idled else self.judge(call)
        ids = self._ids(call, verdict)
        self._record(call, verdict, ids)
        self._hold_against(request.connection, verdict)
        return verdict.answer(ids=ids, delay=self.dial.delay())

    def answered(self, request: Request, response: Response) -> None:  # noqa: ARG002  the interface
        self.follow_limit(request.connection)

    # ── what follows from a verdict ──────────────────────────────────────────────────────────────────────────────

    def _ids(self, call: Call, verdict: Verdict) -> Headers:
        name = self.id_header(call)
        given = call.headers.get(name, "").lower()
        own = (name, given if is_uuid(given) else str(uuid4()))
        if call.environment == "sandbox" and verdict.status == OK:
            return (own, ("apns-unique-id", str(uuid4())))
        return (own,)

    def _hold_against(self, connection: Connection, verdict: Verdict) -> None:
        knobs = self.site.dial.now
        if verdict.status == OK:
            connection.state["punished"] = False
        if not verdict.refused:
            return
        connection.state["punished"] = knobs.punish
        if knobs.error_limit is not None:
            errors: deque[tuple[float, float]] = connection.state.setdefault("errors", deque())
            errors.append((self.now(), BAD_TOKEN_POINTS if verdict.reason == "BadDeviceToken" else ERROR_POINTS))
            while errors[0][0] < self.now() - knobs.error_window:
                errors.popleft()
            if sum(points for _, points in errors) >= knobs.error_limit:
                connection.goaway(debug=_reason(verdict.reason))

    def _record(self, call: Call, verdict: Verdict, ids: Headers) -> None:
        request = call.request
        self.site.ledger.record(
            {
                "listener": self.listener,
                "connection": request.connection.id,
                "stream": request.stream,
                "method": request.method,
                "path": request.path,
                "headers": [
                    [name, _hidden(value) if name == "authorization" else value] for name, value in request.headers
                ],
                "auth": _auth(call),
                "body": request.body.decode("utf-8", "surrogateescape"),
                "token": call.token or None,
                **{name.replace("-", "_"): value for name, value in ids},
                "status": verdict.status,
                "reason": verdict.reason or None,
                "timestamp": verdict.timestamp,
                "drop": verdict.drop,
            }
        )


def _auth(call: Call) -> dict[str, object] | None:
    certificate = binding_of(call.request.connection).certificate
    if certificate is not None:
        return {"certificate": certificate.bundle, "environments": sorted(certificate.environments)}
    text = call.headers.get("authorization")
    if text is None:
        return None
    return {"fingerprint": _hidden(text), **claims_of(text.partition(" ")[2].strip())}


def _hidden(text: str) -> str:
    """Tells two credentials apart without being one."""
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _reason(reason: str) -> bytes:
    return json.dumps({"reason": reason}, separators=(",", ":")).encode()
