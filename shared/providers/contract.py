"""What every provider folder offers: the seams between delivery, which does, and a provider, which decides.

Long, because it is read as a whole by whoever adds a platform: types and signatures, hardly any code.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Final, Literal, Protocol, TypeVar

from pydantic import BaseModel

from shared.flow.device import Device
from shared.flow.message import Message
from shared.flow.send import Duplicates, Problem
from shared.flow.verdict import Fate, Outcome, Rejected, Verdict

Headers = tuple[tuple[str, str], ...]
Target = Literal["token", "topic", "condition", "channel"]


@dataclass(frozen=True, slots=True)
class Context:
    """What a send fixes for all its notifications. `now` is the store's time when the chunk starts."""

    send_key: str
    send_id: str
    deadline: datetime
    now: datetime
    duplicates: Duplicates = Duplicates.COLLAPSE
    variant: str = ""
    dry_run: bool = False
    """The provider is to check the message and deliver it to nobody; set only where it `validates`."""
    target: Target = "token"
    """What a device's token is: a topic, condition or channel stands there for whoever the provider finds by it."""
    kept: str = ""
    """That topic, condition or channel."""


@dataclass(frozen=True, slots=True)
class Request:
    """What differs between two notifications of one message: header names are lower-case."""

    path: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of one message, in columns: entry n is the n-th request's, a single value is everybody's.

    Columns, because a request object for each of 100,000 notifications a second would cost more than sending them.
    """

    count: int
    paths: Sequence[str] | str
    bodies: Sequence[bytes] | bytes
    ids: Sequence[str] = ()
    id_header: str = ""
    """The header that carries `ids`, if the provider has such a thing."""

    def one(self, n: int) -> Request:
        """The n-th request by itself."""
        path = self.paths if isinstance(self.paths, str) else self.paths[n]
        body = self.bodies if isinstance(self.bodies, bytes) else self.bodies[n]
        return Request(path, ((self.id_header, self.ids[n]),) if self.ids else (), body)

    def pick(self, numbers: Sequence[int]) -> "Requests":
        """Some of them, in this order."""
        return Requests(
            len(numbers),
            self.paths if isinstance(self.paths, str) else [self.paths[n] for n in numbers],
            self.bodies if isinstance(self.bodies, bytes) else [self.bodies[n] for n in numbers],
            [self.ids[n] for n in numbers] if self.ids else (),
            self.id_header,
        )


class Refusal(Problem):
    """What makes the message impossible for one device, and the fate and reason that it is counted under."""

    reason: str
    suspect: bool = False
    fate: Fate = Fate.REJECTED

    def verdict(self) -> Rejected:
        """The verdict on a notification that was never sent."""
        return Rejected(self.reason, suspect=self.suspect)


RENDERING: Final = Refusal(pointer="", detail="a template cannot be rendered", reason="rendering", fate=Fate.FAILED)
"""Of a device that lacks what a template uses, or for which a badge is no number."""


class Prepared(Protocol):
    """A message made ready for one variant: `headers` are the same for every notification (authorization excluded).

    `aside`: it goes to another topic than the variant's own; what is said of that is not said of the variant.
    """

    @property
    def headers(self) -> Headers: ...

    @property
    def aside(self) -> bool: ...

    def requests(self, devices: Sequence[Device]) -> "Made":
        """The requests for these devices; our limits are checked first."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """Requests, the devices that they are for (in the same order), and who cannot be sent the message, and why."""

    requests: Requests
    devices: Sequence[Device]
    refused: Sequence[tuple[Device, Refusal]] = ()

    def each(self, bodies: Sequence[bytes | None], unfit: Callable[[bytes], Refusal | None]) -> "Made":
        """The same with a body for each device. Who has none, or one that is unfit, cannot be sent the message."""
        refused, numbers, kept = list(self.refused), list[int](), list[bytes]()
        for n, body in enumerate(bodies):
            refusal = RENDERING if body is None else unfit(body)
            if refusal is not None:
                refused.append((self.devices[n], refusal))
            elif body is not None:
                numbers.append(n)
                kept.append(body)
        if len(kept) == len(bodies):
            return Made(replace(self.requests, bodies=kept), self.devices, refused)
        requests = replace(self.requests.pick(numbers), bodies=kept)
        return Made(requests, [self.devices[n] for n in numbers], refused)

    def only(self) -> Request | Refusal:
        """The request or refusal of the one device that it was made for."""
        return self.requests.one(0) if self.requests.count else self.refused[0][1]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a variant's requests go, and the identity under which a connection is shared.

    Requests of two variants share a connection only if their origins are equal: same host and port, same credential
    identity (APNs binds a connection to one team; a client certificate belongs to one variant).
    """

    host: str
    port: int
    identity: str
    certificate: bytes | None = field(default=None, repr=False)
    """Client certificate chain and private key, PEM, for certificate authentication."""
    warm_up: bool = False
    """One request until it is answered with success before any other (APNs token authentication)."""


@dataclass(frozen=True, slots=True)
class Form:
    """A POST that an authorizer needs made: `application/x-www-form-urlencoded`."""

    url: str
    fields: Mapping[str, str]


Post = Callable[[Form], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Authorization:
    """The authorization header's value and its life. Shared by every replica through the store, encrypted."""

    value: str = field(repr=False)
    issued_at: datetime
    refresh_at: datetime
    """From here on a new one should be obtained."""
    expires_at: datetime
    """From here on it is useless."""


class AuthorizationRefused(Exception):  # noqa: N818  # it is the provider that errs in no way: we were refused
    """Credentials could not be turned into an authorization; `permanent` means only an operator can mend it."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


class VariantSettings(BaseModel):
    """What a variant of this platform needs; `SECRETS` names the fields that are encrypted and never shown again."""

    SECRETS: ClassVar[frozenset[str]] = frozenset()

    @property
    def not_after(self) -> datetime | None:
        """When the credentials run out by themselves; None: they do not."""
        return None


S = TypeVar("S", bound=VariantSettings)
E = TypeVar("E", bound=BaseModel)


class Provider(Protocol[S, E]):
    """One platform."""

    name: str
    Settings: type[S]
    Endpoints: type[E]
    """The operator's settings: provider hosts, CA file. Field names become CARILLON_<NAME> variables."""
    Block: type[BaseModel]
    """The raw block; for the API's description, `check` applies it."""
    library: str
    """Which library transport speaks to this provider (`aioapns`, `httpx`), where the operator asks for one."""
    validates: bool
    """Whether the provider can be asked to check a message without delivering it."""
    min_refresh: float
    """Seconds that must lie between two authorizations of one identity."""
    reasons: frozenset[str]
    """The provider's own words that a verdict may give as its reason and a metric may name; a new one is no label."""

    def canonical(self, token: str) -> str:
        """The one spelling of a token under which it is stored: two spellings are one device."""
        ...

    def keeps(self, settings: S | None) -> frozenset[Target]:
        """What this variant can send to whose subscribers only the provider knows."""
        ...

    def check(self, message: Message, settings: Sequence[S], target: Target = "token") -> list[Problem]:
        """What no device of these variants could be sent, by JSON pointer into the message (`/apns/aps/badge`).

        Called at the door, before anything is stored, and again by the planner for commands over AMQP.
        """
        ...

    def origin(self, settings: S, endpoints: E) -> Origin:
        """Where requests of this variant go."""
        ...

    def prepare(self, message: Message, settings: S, context: Context) -> Prepared:
        """The message for one variant, headers and body parts built once."""
        ...

    def authorization_identity(self, settings: S) -> str | None:
        """Under which name an authorization is shared (team and key; project), or None: nothing to obtain."""
        ...

    async def authorize(self, settings: S, endpoints: E, now: datetime, post: Post) -> Authorization:
        """A new authorization. Raises `AuthorizationRefused`."""
        ...

    def verdict(self, outcome: Outcome, sent_at: datetime) -> Verdict:
        """What an outcome means, by table E.1 of the protocol reference."""
        ...

    def message_name(self, body: bytes) -> bytes:
        """What the provider calls a notification, from the body of its success; empty if it says nothing."""
        ...

    def notification_name(self, send_key: str, device: bytes) -> str | None:
        """What a notification is called at the provider, where that follows from the send and the device."""
        ...
