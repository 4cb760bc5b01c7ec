"""What APNs decides about a request, and how that looks on the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from h2.errors import ErrorCodes

from services.simulator.apns.reasons import STATUS, Refusal
from services.simulator.apns.registry import milliseconds
from services.simulator.exchange import Answer, Drop, Headers, Reset, Response
from services.simulator.knobs import Step

OK, GONE = 200, 410


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a request. `status` None: never decided, see `drop`."""

    status: int | None
    reason: str = ""
    timestamp: int | None = None  # ms, with 410 only
    drop: str | None = None
    shape: str = "plain"
    after: float = 0.0
    retry_after: str | None = None
    headers: Headers = ()
    body: bytes = b""  # of a success: channel endpoints have one
    page: Response | None = None  # somebody in between has answered with it

    @property
    def refused(self) -> bool:
        """An error of the caller other than a dead token: what Apple counts against a connection."""
        return self.status is not None and self.status in range(400, 500) and self.status != GONE

    def bent(self, step: Step | None) -> Verdict:
        """The same outcome in the form that a script or a fault asks for."""
        if step is None:
            return self
        return replace(self, drop=step.drop, shape=step.shape, after=step.after, retry_after=step.retry_after)

    def answer(self, *, ids: Headers, delay: float) -> Answer:
        """What goes onto the wire."""
        if self.page is not None:
            return replace(self.page, after=delay + self.page.after)
        if self.drop == "black_hole":
            return Drop.BLACK_HOLE
        if self.drop == "close":
            return Drop.CLOSE
        if self.drop == "reset" or self.status is None:
            return Reset(ErrorCodes.INTERNAL_ERROR, after=delay + self.after)
        shown = tuple((name, value.upper() if self.shape == "upper_id" else value) for name, value in ids)
        retry = (("retry-after", self.retry_after),) if self.retry_after is not None else ()
        body = b"" if self.shape == "empty" else self._text()
        kind = (("content-type", "application/json"),) if body else ()
        headers = (*shown, *self.headers, *retry, *kind)
        return Response(self.status, headers, body, after=delay + self.after, split=self.shape == "split")

    def _text(self) -> bytes:
        if not self.reason:
            return self.body
        error: dict[str, Any] = {"reason": self.reason}
        if self.timestamp is not None:
            error["timestamp"] = self.timestamp
        return json.dumps(error, separators=(",", ":")).encode()


ACCEPTED = Verdict(OK)


def refusal(refused: Refusal) -> Verdict:
    """The verdict of a check."""
    since = None if refused.since is None else milliseconds(refused.since)
    return Verdict(refused.status, refused.reason, since)


def scripted(step: Step, now_ms: int) -> Verdict | None:
    """What a script or fault decides, or None if it leaves the decision to the rules."""
    if step.page is not None:
        return Verdict(None, drop=step.booked, page=step.page)
    if step.drop is not None and not step.processed:
        return Verdict(None).bent(step)
    status = step.status if step.status is not None else STATUS.get(step.reason)
    if status is None:
        return None
    timestamp = (step.timestamp if step.timestamp is not None else now_ms) if status == GONE else None
    return Verdict(status, step.reason, timestamp).bent(step)
