"""What an endpoint made of a request: the answer, and what the request log says about it."""

import json
from dataclasses import dataclass, field
from typing import Any

from services.simulator.exchange import Headers
from services.simulator.fcm.refusal import Refusal
from services.simulator.knobs import Step

JSON = (("content-type", "application/json; charset=UTF-8"),)
OK = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """`facts` go into the log line. `undecided`: what befell the request left it unprocessed."""

    status: int
    body: bytes = b""
    headers: Headers = JSON
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    step: Step | None = None  # a script or fault: its pause, and whether the answer is lost
    undecided: bool = False


def succeeded(value: dict[str, Any], reason: str = "", step: Step | None = None, **facts: Any) -> Outcome:
    """Without a reason it is counted as an accepted message; everything else that goes well has one."""
    return Outcome(OK, json.dumps(value).encode(), reason=reason, facts=facts, step=step)


def refused(refusal: Refusal, step: Step | None = None, **facts: Any) -> Outcome:
    return Outcome(refusal.status, refusal.body(), refusal.headers(), refusal.code, facts, step)


def unprocessed(step: Step, **facts: Any) -> Outcome:
    """The request vanished before anybody decided."""
    return Outcome(0, facts=facts, step=step, undecided=True)
