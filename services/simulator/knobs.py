"""The knobs that every simulated provider has, as data: its clock, steps of scripts, and faults of the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.simulator.exchange import Response

INTERCEPTED = "intercepted"  # the `drop` in the books of a request that somebody in between answered

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class Clock:
    """The simulated clock: real time plus what it was advanced by. It never runs backwards."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The simulated instant."""
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        """Simulated seconds of a clock for measuring spans."""
        return time.monotonic() + self._ahead.total_seconds()

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        if by < timedelta():
            raise ValueError("the clock only runs forwards")
        self._ahead += by

    def reset(self) -> None:
        """Back to real time."""
        self._ahead = timedelta()


class Knob(BaseModel):
    """What a person turns: unknown names are refused, values are replaced whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(Knob):
    """One scripted outcome of a request. Without `status` and `drop` the rules decide as ever (a pause in a script)."""

    status: int | None = Field(default=None, ge=200, le=599)
    reason: str = ""
    timestamp: int | None = None  # ms since 1970, for 410
    retry_after: str | None = None  # the header's text: seconds or an HTTP-date
    after: Seconds = 0.0  # on top of the latency
    shape: Literal["plain", "split", "empty", "upper_id"] = "plain"  # odd but legal forms of an answer
    drop: Literal["black_hole", "reset", "close"] | None = None
    processed: bool = False  # with `drop`: the notification counts, only its answer is lost
    body: str | None = None  # with `status`: what somebody in between answers, word for word; we never saw the request
    times: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _a_body_has_a_status_and_an_answer(self) -> Step:
        if self.body is not None and (self.status is None or self.drop is not None):
            raise ValueError("a body goes with a status, and with no drop")
        return self

    @property
    def page(self) -> Response | None:
        """What somebody in between answers, if that is what befalls the request."""
        if self.body is None or self.status is None:
            return None
        return Response(self.status, (), self.body.encode(), self.after, self.shape == "split")

    @property
    def booked(self) -> str | None:
        """The `drop` in the books: why our answer did not reach the client."""
        return self.drop if self.body is None else INTERCEPTED


class Fault(Step):
    """An outcome that a share of all requests meets."""

    share: Share


class Latency(Knob):
    """Log-normal around the median, with a share in a slow tail. Real seconds."""

    median: Seconds = 0.0
    sigma: float = Field(default=0.0, ge=0)
    tail_share: Share = 0.0
    tail: Seconds = 0.0


class Knobs(Knob):
    """Table F.4 of the protocol reference, what all providers share; a provider adds its own by subclassing."""

    seed: int = 1
    latency: Latency = Latency()
    faults: tuple[Fault, ...] = ()
    black_hole: Share = 0.0  # of the streams: accepted, never answered; PING is answered
    lose_answer: Share = 0.0  # processed, then TCP closes before the answer
    deaf: bool = False  # connections freeze for good: PING is not answered either
    wedge: bool = False  # a connection whose credential was refused for changing too often refuses everything
    refuse_connections: int = Field(default=0, ge=0)  # the next N fail
    churn_limit: int | None = Field(default=None, ge=1)  # new connections a minute and client; more are refused …
    churn_refusal: Seconds = 60.0  # … for this long
    stream_limit: int = Field(default=1000, ge=0)
    stream_excess: Literal["refuse", "goaway", "serve"] = "refuse"
    goaway_after: int | None = Field(default=None, ge=1)  # requests of a connection
    goaway_age: Seconds | None = None  # of a connection
    goaway_share: Share = 0.0  # of the requests bring one about
    goaway_mode: Literal["drain", "close", "graceful"] = "drain"
    goaway_debug: str = '{"reason":"Shutdown"}'
    idle_timeout: Seconds | None = None  # without a byte
