"""The FCM provider: one method a question, each answered by the file of that name."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.flow.message import Message
from shared.flow.send import Problem
from shared.flow.verdict import Outcome, Verdict
from shared.providers.address import host_and_port
from shared.providers.contract import Authorization, Context, Origin, Post, Prepared, Target
from shared.providers.fcm import auth, payload, rules, verdict
from shared.providers.fcm.block import FcmBlock
from shared.providers.fcm.compose import compose
from shared.providers.fcm.settings import FcmEndpoints, FcmSettings
from shared.providers.raw_block import checked
from shared.templates import places

NAMED: Final = re.compile(rb'"name"\s*:\s*"([^"\\]{1,500})"')
"""In the answer to an accepted message (Firebase, projects.messages.send, response body)."""
HEADERS: Final = (("fcm", "apns", "headers"), ("fcm", "webpush", "headers"))
"""What becomes a header at Apple or a browser's push service: the same for all devices."""


class Fcm:
    """Stateless; one instance serves the process."""

    name: Final = "fcm"
    Settings = FcmSettings
    Endpoints = FcmEndpoints
    Block = FcmBlock
    library: str = "httpx"
    validates: bool = True
    min_refresh: float = auth.LEAST_BETWEEN.total_seconds()
    reasons: frozenset[str] = verdict.REASONS

    def canonical(self, token: str) -> str:
        """As it is: every character counts."""
        return token

    def keeps(self, settings: FcmSettings | None) -> frozenset[Target]:
        """Topics, and conditions over them."""
        del settings
        return frozenset({"topic", "condition"})

    def check(self, message: Message, settings: Sequence[FcmSettings], target: Target = "token") -> list[Problem]:
        """What no device of these variants could be sent; neither projects nor targets differ in it."""
        del settings, target
        block = checked(FcmBlock, message.raw_for(self.name) or {}, self.name)
        if isinstance(block, list):
            return block
        if wrong := list(places.problems(message, self.name, HEADERS)):
            return wrong
        said = places.literal(message, self.name)
        return list(rules.message_problems(message, compose(said, said.raw_for(self.name) or {})))

    def origin(self, settings: FcmSettings, endpoints: FcmEndpoints) -> Origin:
        """Google's host; a connection is not bound to a project, but limits and failures are."""
        host, port = host_and_port(endpoints.fcm_url)
        return Origin(host, port, settings.identity)

    def prepare(self, message: Message, settings: FcmSettings, context: Context) -> Prepared:
        """The message for one variant."""
        return payload.prepare(message, settings, context)

    def authorization_identity(self, settings: FcmSettings) -> str | None:
        """Project, account and key."""
        return settings.identity

    async def authorize(
        self, settings: FcmSettings, endpoints: FcmEndpoints, now: datetime, post: Post
    ) -> Authorization:
        """An access token from Google."""
        return await auth.authorization(settings, endpoints, now, post)

    def verdict(self, outcome: Outcome, sent_at: datetime) -> Verdict:
        """What an outcome means."""
        return verdict.verdict(outcome, sent_at)

    def message_name(self, body: bytes) -> bytes:
        """`projects/…/messages/…`, as the answer says."""
        found = NAMED.search(body)
        return found[1] if found else b""

    def notification_name(self, send_key: str, device: bytes) -> str | None:
        """Only the answer says."""
        del send_key, device
        return None
