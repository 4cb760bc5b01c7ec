"""The send port: a notification to one device, or a broadcast to a channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.simulator.apns import checks
from services.simulator.apns.broadcast import BROADCAST_CHECKS, BROADCAST_PATH, REQUEST_ID, channel_of
from services.simulator.apns.call import Call
from services.simulator.apns.handler import ApnsHandler
from services.simulator.apns.reasons import Refusal
from services.simulator.apns.registry import milliseconds
from services.simulator.apns.storage import Notification
from services.simulator.apns.verdict import ACCEPTED, OK, Verdict, refusal, scripted

FAR = 253_402_300_799  # the last UNIX second that datetime can hold


class SendHandler(ApnsHandler):
    """`POST /3/device/<token>` and `POST /4/broadcasts/apps/<bundle>`."""

    def id_header(self, call: Call) -> str:
        return REQUEST_ID if call.request.path.startswith(BROADCAST_PATH) else "apns-id"

    def judge(self, call: Call) -> Verdict:
        if call.request.path.startswith(BROADCAST_PATH):
            return self._broadcast(call)
        refused = checks.first_refusal(checks.REQUEST_CHECKS, call)
        if refused is not None:
            return refusal(refused)
        step = self.disturbance(self.site.scripts.take(call.token))
        decided = None if step is None else scripted(step, milliseconds(call.now))
        if decided is None:
            decided = self._by_the_rules(call).bent(step)
        elif decided.status == OK:
            checks.token_known(call)
        if decided.status == OK:
            self._store(call)
        return decided

    def _by_the_rules(self, call: Call) -> Verdict:
        refused = checks.first_refusal(checks.TOKEN_CHECKS, call)
        if refused is None and not self.site.buckets.take(call.token, call.knobs, call.now):
            refused = Refusal("TooManyRequests")
        return ACCEPTED if refused is None else refusal(refused)

    def _store(self, call: Call) -> None:
        """Accepted means taken, never shown: a dead token may still be answered 200, and a device may be away."""
        device, knobs = call.device, call.knobs
        if device is None or device.state != "active":
            return
        self.site.storage.accept(
            Notification(
                call.token,
                call.bundle,
                call.now,
                _expiry(call),
                self._details(call),
                held=call.priority != 10,  # noqa: PLR2004
            ),
            online=device.online,
            interval=timedelta(seconds=knobs.power_interval),
            overtaken=self.dial.hit(knobs.reorder),
        )

    def _details(self, call: Call) -> dict[str, Any]:
        kind = call.push_type
        body = call.request.body
        dropped = {} if checks.is_json_object(body) else {"dropped": "malformed JSON"}
        return {
            "apns_id": call.headers.get("apns-id"),
            "collapse_id": call.headers.get("apns-collapse-id"),
            "push_type": None if kind is None else kind.name,
            "seen": bool(kind and kind.seen and not dropped),
            "priority": call.priority,
            "payload": body.decode("utf-8", "surrogateescape"),
            **dropped,
        }

    def _broadcast(self, call: Call) -> Verdict:
        refused = checks.first_refusal(BROADCAST_CHECKS, call)
        channel = None if refused else channel_of(self.site.channels, call)
        if isinstance(channel, Refusal) or channel is None:
            return refusal(refused or channel or Refusal("ChannelNotRegistered"))
        step = self.disturbance(None)
        decided = None if step is None else scripted(step, milliseconds(call.now))
        decided = ACCEPTED.bent(step) if decided is None else decided
        if decided.status != OK:
            return decided
        message = {"channel": channel.id, "bundle": channel.bundle, "payload": call.request.body.decode()}
        channel.keep(message, call.expiration, call.now)
        self.site.ledger.show(channel.id, message)
        return decided


def _expiry(call: Call) -> datetime | None:
    seconds = call.expiration
    return None if seconds is None else datetime.fromtimestamp(min(seconds, FAR), UTC)
