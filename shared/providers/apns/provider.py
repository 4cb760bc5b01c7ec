"""The APNs provider: one method a question, each answered by the file of that name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.flow.identity import notification_id
from shared.flow.message import Message
from shared.flow.send import Problem
from shared.flow.verdict import Outcome, Verdict
from shared.providers.address import host_and_port
from shared.providers.apns import auth, broadcast, payload, rules, verdict
from shared.providers.apns.block import ApnsBlock
from shared.providers.apns.compose import compose
from shared.providers.apns.settings import ApnsEndpoints, ApnsSettings
from shared.providers.contract import Authorization, Context, Origin, Post, Prepared, Target
from shared.providers.raw_block import checked
from shared.templates import places

HEADERS: Final = tuple(("apns", name) for name in ApnsBlock.model_fields if name not in ("aps", "payload"))
"""What of the raw block becomes a header: the same for all devices."""


class Apns:
    """Stateless; one instance serves the process."""

    name: Final = "apns"
    Settings = ApnsSettings
    Endpoints = ApnsEndpoints
    Block = ApnsBlock
    library: str = "aioapns"
    validates: bool = False
    min_refresh: float = auth.LEAST_BETWEEN.total_seconds()
    reasons: frozenset[str] = verdict.REASONS

    def canonical(self, token: str) -> str:
        """Hexadecimal digits in lower case."""
        return token.lower()

    def keeps(self, settings: ApnsSettings | None) -> frozenset[Target]:
        """Broadcast channels, which take provider tokens only."""
        return frozenset({"channel"}) if settings is not None and settings.by_token else frozenset()

    def check(self, message: Message, settings: Sequence[ApnsSettings], target: Target = "token") -> list[Problem]:
        """What no device of these variants could be sent."""
        block = checked(ApnsBlock, message.raw_for(self.name) or {}, self.name)
        if isinstance(block, list):
            return block
        if wrong := list(places.problems(message, self.name, HEADERS)):
            return wrong
        said = places.literal(message, self.name)
        notification = compose(said, said.raw_for(self.name) or {})
        if target == "channel":
            return [*rules.message_problems(message, notification, broadcast.LIMIT), *broadcast.problems(notification)]
        return [*rules.message_problems(message, notification), *rules.variant_problems(notification, settings)]

    def origin(self, settings: ApnsSettings, endpoints: ApnsEndpoints) -> Origin:
        """Apple's host of the environment; with a token the first request goes alone."""
        production = settings.environment == "production"
        host, port = host_and_port(endpoints.apns_production_url if production else endpoints.apns_sandbox_url)
        certificate = settings.certificate.encode() if settings.certificate else None
        return Origin(host, port, settings.identity, certificate, warm_up=settings.by_token)

    def prepare(self, message: Message, settings: ApnsSettings, context: Context) -> Prepared:
        """The message for one variant."""
        made = broadcast.prepare if context.target == "channel" else payload.prepare
        return made(message, settings, context)

    def authorization_identity(self, settings: ApnsSettings) -> str | None:
        """Team, key id and key; none with a certificate."""
        return settings.identity if settings.by_token else None

    async def authorize(
        self, settings: ApnsSettings, endpoints: ApnsEndpoints, now: datetime, post: Post
    ) -> Authorization:
        """A provider token, signed here: nothing is asked of anybody."""
        del endpoints, post
        return auth.authorization(settings, now)

    def verdict(self, outcome: Outcome, sent_at: datetime) -> Verdict:
        """What an outcome means."""
        return verdict.verdict(outcome, sent_at)

    def message_name(self, body: bytes) -> bytes:
        """Nothing: a notification has the id that we gave it."""
        del body
        return b""

    def notification_name(self, send_key: str, device: bytes) -> str | None:
        """The `apns-id`."""
        return notification_id(send_key, device)
