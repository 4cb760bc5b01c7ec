"""The handler behind the port: finds the endpoint of a path, writes the log line, and gives the answer or loses it."""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from h2.errors import ErrorCodes

from services.simulator.conduct import Conduct
from services.simulator.exchange import Answer, Connection, Drop, Excess, Headers, Request, Reset, Response
from services.simulator.fcm import delivery_data, send, token_endpoint, topics
from services.simulator.fcm.outcome import Outcome, refused
from services.simulator.fcm.refusal import html
from services.simulator.fcm.world import World

TOO_MANY_STREAMS = b"exceeded_max_concurrent_streams"  # firebase-admin-node, thread 2943: error code 1
BODY_LIMIT = 4 * 1024 * 1024  # bytes; Google's front ends answer 413 somewhere above
Endpoint = Callable[["Rules", Request, re.Match[str]], Outcome]


def _send(rules: "Rules", request: Request, path: re.Match[str]) -> Outcome:
    return send.send(request, rules.world, rules, path[1])


def _token(rules: "Rules", request: Request, _: re.Match[str]) -> Outcome:
    return token_endpoint.token(request, rules.world, rules)


def _subscription(rules: "Rules", request: Request, path: re.Match[str]) -> Outcome:
    return topics.subscription(request, rules.world, path[1], path[2], path[3] or "")


def _batch(rules: "Rules", request: Request, path: re.Match[str]) -> Outcome:
    return topics.batch(request, rules.world, path[1])


def _info(rules: "Rules", request: Request, path: re.Match[str]) -> Outcome:
    return topics.info(request, rules.world, path[1])


def _subscribe(rules: "Rules", request: Request, path: re.Match[str]) -> Outcome:
    return topics.subscribe_one(request, rules.world, path[1], path[2])


def _delivery_data(rules: "Rules", request: Request, path: re.Match[str]) -> Outcome:
    return delivery_data.delivery_data(request, rules.world, path[1], path[2])


# One port stands for fcm, oauth2, iid and fcmdata.googleapis.com: their paths do not overlap.
ENDPOINTS: tuple[tuple[str, re.Pattern[str], Endpoint], ...] = (
    ("POST", re.compile(r"/v1/projects/([^/]+)/messages:send"), _send),
    ("POST", re.compile(r"/token"), _token),
    ("POST", re.compile(r"/v1/projects/([^/]+)/registrations/([^/]+)/topicSubscriptions()"), _subscription),
    ("DELETE", re.compile(r"/v1/projects/([^/]+)/registrations/([^/]+)/topicSubscriptions/([^/]+)"), _subscription),
    ("POST", re.compile(r"/iid/v1:(batchAdd|batchRemove)"), _batch),
    ("POST", re.compile(r"/iid/v1/([^/]+)/rel/topics/([^/]+)"), _subscribe),
    ("GET", re.compile(r"/iid/info/([^/]+)"), _info),
    ("GET", re.compile(r"/v1beta1/projects/([^/]+)/androidApps/([^/]+)/deliveryData"), _delivery_data),
)


class Rules(Conduct):
    """Lives as long as the listener; its memory is the world's."""

    def __init__(self, world: World) -> None:
        super().__init__(world.dial, world.clock)
        self.world = world

    def decide(self, request: Request) -> Answer:
        self.world.catch_up()
        outcome = self._outcome(request)
        step = outcome.step
        self.world.ledger.record(_line(request, outcome))
        after = self.dial.delay() + (step.after if step else 0.0)
        if step is not None and step.page is not None:
            return replace(step.page, after=after)
        match step.drop if step else None:
            case "black_hole":
                return Drop.BLACK_HOLE
            case "close":
                return Drop.CLOSE
            case "reset":
                return Reset(ErrorCodes.INTERNAL_ERROR, after)
            case None:
                return Response(outcome.status, outcome.headers, outcome.body, after)

    def now(self) -> float:
        """Silence and age of a connection are real time, also while the simulated clock is far ahead."""
        return time.monotonic()

    def opened(self, connection: Connection) -> None:
        """Google says nothing more."""

    def answered(self, request: Request, response: Response) -> None:
        """Nothing follows an answer."""

    def excess(self, connection: Connection) -> Excess:
        """Google parts from who opens a stream too many: what it has taken in is answered, the rest is not."""
        if self.dial.now.stream_excess != "goaway":
            return super().excess(connection)
        connection.goaway(error=ErrorCodes.PROTOCOL_ERROR, debug=TOO_MANY_STREAMS)
        return Excess.SERVE  # in name: what lies above the GOAWAY's last-stream-id is never answered

    def sweep(self, connection: Connection) -> None:
        self.world.catch_up()
        super().sweep(connection)

    def _outcome(self, request: Request) -> Outcome:
        if len(request.body) > BODY_LIMIT:
            return refused(html(413))
        if self.dial.now.wedge:
            return refused(html(502))
        path = urlsplit(request.path).path
        for method, pattern, endpoint in ENDPOINTS:
            found = pattern.fullmatch(path) if method == request.method else None
            if found is not None:
                return endpoint(self, request, found)
        return refused(html(404))  # the legacy paths, too


def _line(request: Request, outcome: Outcome) -> dict[str, Any]:
    secret = urlsplit(request.path).path == "/token"  # an assertion can be used again until it expires
    line: dict[str, Any] = {
        "listener": "fcm",
        "connection": request.connection.id,
        "protocol": request.connection.protocol,
        "stream": request.stream,
        "method": request.method,
        "path": request.path,
        "headers": _safe(request.headers),
        "body": "" if secret else request.body.decode("utf-8", "backslashreplace"),
        "status": None if outcome.undecided else outcome.status,
        "reason": outcome.reason,
        **outcome.facts,
    }
    if outcome.step is not None and outcome.step.booked:
        line["drop"] = outcome.step.booked
    return line


def _safe(headers: Headers) -> list[list[str]]:
    """In wire order, credentials as fingerprints."""
    return [[name, fingerprint(value) if name == "authorization" else value] for name, value in headers]


def fingerprint(credential: str) -> str:
    return f"sha256:{hashlib.sha256(credential.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
