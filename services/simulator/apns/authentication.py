"""Who is calling: the rules of client certificates and provider tokens, and what a connection remembers of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.simulator.apns import certificate
from services.simulator.apns.certificate import Certificate
from services.simulator.apns.keys import Key, Keys, Signed
from services.simulator.apns.knobs import ApnsKnobs
from services.simulator.apns.reasons import Refusal
from services.simulator.exchange import Connection

# Apple, "Establishing a token-based connection to APNs"
TOKEN_LIFE = timedelta(hours=1)
UPDATE_INTERVAL = timedelta(minutes=20)

Credential = Key | Certificate


@dataclass(slots=True)
class Binding:
    """What one connection has seen of credentials. Kept in the connection's state."""

    certificate: Certificate | None = None
    refused: Refusal | None = None  # a certificate that never works here
    first: Key | None = None  # binds the connection to its team, and to the apps known at that moment
    text: str = ""  # the provider token in use
    changed_at: datetime | None = None
    wedged: str | None = None  # the reason that every request gets from now on
    proven: bool = False  # one request had a valid credential: the stream limit rises


def binding_of(connection: Connection) -> Binding:
    """A connection's memory."""
    found: Binding = connection.state.setdefault("apns.binding", Binding())
    return found


def present(connection: Connection, environment: str) -> Binding:
    """Read the client certificate of a new connection, if it has one."""
    binding = binding_of(connection)
    if connection.certificate is not None:
        binding.certificate = certificate.read(connection.certificate)
        if binding.certificate is None:
            binding.refused = Refusal("BadCertificate")
        elif environment not in binding.certificate.environments:
            binding.refused = Refusal("BadCertificateEnvironment")
        binding.proven = binding.refused is None
    return binding


@dataclass(frozen=True, slots=True)
class Desk:
    """Checks credentials for one environment."""

    environment: str
    keys: Keys

    def admit(
        self, connection: Connection, authorization: str | None, knobs: ApnsKnobs, now: datetime
    ) -> Credential | Refusal:
        """The credential of a request, or why there is none."""
        binding = binding_of(connection)
        if binding.refused is not None:
            return binding.refused
        if binding.certificate is not None:
            return binding.certificate  # Apple: `authorization` is ignored then
        if binding.wedged is not None:
            return Refusal(binding.wedged)
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            return Refusal("MissingProviderToken")
        signed = self.keys.read(text.strip())
        refusal = Refusal("InvalidProviderToken") if signed is None else None
        refusal = refusal or self._age(signed, binding, knobs, now) or self._relation(signed, binding, knobs)
        refusal = refusal or self._update(signed, binding, knobs, now)
        if refusal is not None or signed is None:
            return refusal or Refusal("InvalidProviderToken")
        binding.proven = True
        return binding.first if binding.first is not None and binding.first.key_id == signed.key.key_id else signed.key

    def _age(self, signed: Signed | None, binding: Binding, knobs: ApnsKnobs, now: datetime) -> Refusal | None:
        if signed is None or signed.issued_at > now + timedelta(seconds=knobs.future_tolerance):
            return Refusal("InvalidProviderToken")
        if now - signed.issued_at <= TOKEN_LIFE:
            return None
        if knobs.wedge_after_expired:
            binding.wedged = "ExpiredProviderToken"
        return Refusal("ExpiredProviderToken")

    def _relation(self, signed: Signed | None, binding: Binding, knobs: ApnsKnobs) -> Refusal | None:
        """The first key binds the connection to its team; which keys may follow it."""
        if signed is None:
            return Refusal("InvalidProviderToken")
        key, first = signed.key, binding.first
        if first is not None and key.team_id != first.team_id:
            return Refusal("InvalidProviderToken")
        if key.environment not in (None, self.environment):
            documented = knobs.documented_environment_reason
            return Refusal("BadEnvironmentKeyIdInToken" if documented else "BadEnvironmentKeyInToken")
        if first is None:
            binding.first = key
        elif not _related(first, key):
            return Refusal("UnrelatedKeyIdInToken")
        return None

    def _update(self, signed: Signed | None, binding: Binding, knobs: ApnsKnobs, now: datetime) -> Refusal | None:
        """Another token on the same connection, at most every 20 minutes."""
        if signed is None or signed.text == binding.text:
            return None
        if binding.changed_at is not None and now - binding.changed_at < UPDATE_INTERVAL:
            if knobs.wedge:
                binding.wedged = "TooManyProviderTokenUpdates"
            return Refusal("TooManyProviderTokenUpdates")
        binding.text, binding.changed_at = signed.text, now
        return None


def _related(first: Key, key: Key) -> bool:
    """Team-scoped keys of one team go together; a topic-specific one only with keys that share a topic."""
    if first.key_id == key.key_id:
        return True
    if first.kind != key.kind:
        return False
    return first.kind == "team" or bool(set(first.topics) & set(key.topics))
