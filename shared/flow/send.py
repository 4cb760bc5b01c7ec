"""What a backend asks for, over HTTP and AMQP alike, and what it becomes once it is accepted.

Long, as it is the schema: every field with its description, hardly any code.
"""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from shared.flow.audience import NAMED_MAX, Audience, User
from shared.flow.cap import Cap
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.model import Travelling
from shared.flow.order import Wish
from shared.flow.rules import Category
from shared.flow.timing import Timed, measured_from
from shared.flow.values import Values

CLOSING_GRACE: Final = timedelta(minutes=5)
"""What is still open this long past its deadline is closed by counting."""
VERSION: Final = 1
TEMPLATE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TemplateName = Annotated[str, StringConstraints(pattern=rf"^{TEMPLATE_NAME.pattern}$")]
PERSONAL: Final = "recipients"
"""The stored list of users each with its values."""
EXCLUDED: Final = "exclude/"
"""How the names of the stored lists begin of those who are left out."""
MOST_POINTER: Final = 1000
"""Characters of a JSON pointer."""
SEND_KEY: Final = "carillon-send"
"""The key in `data` under which an app finds the id of the send."""
AppId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{3,32}$")]
SendId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
OrderKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
ORDER_KEY: Final = (
    "as `Idempotency-Key` over HTTP: the same order under it is carried out once, another one is refused; for 24 hours"
)


class Duplicates(StrEnum):
    """What may happen to a notification whose outcome is unknown."""

    COLLAPSE = "collapse"
    ALLOW = "allow"
    NEVER = "never"


class TemplateRef(Travelling):
    """A stored template, as sends name it."""

    name: TemplateName
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="the latest unless set; what it says is fixed when the send is accepted"
    )


class ReceiptsKept(StrEnum):
    """Of which notifications a receipt is kept."""

    NONE = "none"
    FAILURES = "failures"
    ALL = "all"


class SendRequest(Timed):
    """A send as a backend writes it."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["message"]}, {"required": ["template"]}]})

    audience: Audience
    message: Message = Field(default_factory=Message, description="what to say; or `template`")
    template: TemplateRef | None = Field(default=None, description="a stored template, in the place of the message")
    values: Annotated[dict[User, Values], Field(max_length=NAMED_MAX)] | None = Field(
        default=None, description="by user: values for the message's templates, as in `{{ values.seat }}`"
    )
    lane: Lane | None = Field(default=None, description="`now` or `bulk`; by default from the number of recipients")
    duplicates: Duplicates = Field(
        default=Duplicates.COLLAPSE,
        description="after an unknown outcome: collapse (repeat, shown once), allow (repeat), never (give up)",
    )
    critical: bool = Field(default=False, description="passes quiet hours and frequency caps")
    validate_only: bool = Field(default=False, description="only say what is wrong with it: nothing is stored or sent")
    dry_run: bool = Field(
        default=False,
        description="go through everything and reach nobody: providers that can check a message check it, others are "
        "not asked; the report says that it is of a dry run",
    )
    category: Category | None = Field(
        default=None, description="what kind of message it is, as devices subscribe to it; not iOS' `message.category`"
    )
    stale_after_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None, description="suppress devices that did not register for so many days; else the app's rule holds"
    )
    confirm: bool = Field(default=False, description="it may reach more devices than the app's rule `confirm_above`")
    receipts: ReceiptsKept = Field(
        default=ReceiptsKept.FAILURES, description="of which notifications a receipt is kept, device by device"
    )
    interactions: bool = Field(
        default=False, description="puts the send's id into `data`, as `carillon-send`, so that apps can tell of it"
    )

    def told(self, send: str) -> Message:
        """The message as it goes out: with the id of its send, where that was asked for."""
        if not self.interactions:
            return self.message
        return self.message.model_copy(update={"data": {**self.message.data, SEND_KEY: send}})


class Command(SendRequest):
    """A send as it comes over AMQP: the same, with its app and an id of the backend's making."""

    v: Literal[1] = VERSION
    app: AppId
    id: SendId = Field(
        description="the send's id and idempotency key: a command that arrives twice is one send, another is refused"
    )

    def request(self) -> SendRequest:
        """The send itself, without the address on the envelope."""
        return SendRequest.model_validate(self.model_dump(exclude={"v", "app", "id", "do", "key"}, exclude_unset=True))


class OrderCommand(Travelling):
    """Over AMQP: what is ordered of a send that was accepted before, by its id."""

    v: Literal[1] = VERSION
    app: AppId
    id: SendId
    do: Wish = Field(description="cancel, pause or resume")
    key: OrderKey | None = Field(default=None, description=ORDER_KEY)


class ReplaceCommand(Command):
    """Over AMQP: what a scheduled send that has not begun is to be from now on, by its id."""

    do: Literal["replace"]
    key: OrderKey | None = Field(default=None, description=ORDER_KEY)


class Route(Travelling):
    """One variant that a send goes to."""

    variant: str
    platform: str


def _bounded(pointer: str) -> str:
    """The pointer, or that of what it lies in: a name may be as long as a request, and problems are kept."""
    while len(pointer) > MOST_POINTER:
        pointer = pointer.rpartition("/")[0]
    return pointer


class Problem(Travelling):
    """One thing wrong with a request, by JSON pointer."""

    pointer: Annotated[str, AfterValidator(_bounded)]
    detail: str


class Send(Travelling):
    """An accepted (or rejected) send, as it is stored. `key` is `<app>.<id>`. It never changes once it has begun.

    Up to `NAMED_INLINE` recipients stand in `request.audience`. More are stored as lists, named `users`, `devices`,
    `tokens/<variant>` or, with their values, `recipients`, and the audience keeps the first of each only: its kind and
    narrowing hold, its numbers do not.
    Whom it leaves out is kept in the same way, in lists named `exclude/users` and `exclude/devices`.
    """

    v: Literal[1] = VERSION
    key: str
    app: str
    request: SendRequest
    lane: Lane
    routes: tuple[Route, ...] = Field(description="the app's variants it goes to, fixed when it was accepted")
    small: bool = Field(description="named recipients within one chunk: the send is its own plan")
    accepted_at: datetime
    begins_at: datetime | None = Field(default=None, description="when the planner lets it begin; None: at once")
    revision: int = Field(default=0, description="how often it was replaced before it began")
    deadline: datetime
    source: Literal["http", "amqp"] = "http"
    lists: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="lengths of the stored parts of each list of recipients, by the list's name"
    )
    stale_before: datetime | None = Field(
        default=None, description="devices that registered last before this are suppressed"
    )
    opt_in: bool = Field(default=False, description="its category reaches only devices that said yes to it")
    cap: Cap | None = Field(default=None, description="how often a user gets its category; None: any number")
    lists_of: str = Field(default="", description="under which name its lists are stored, if not its own: a repetition")
    problems: tuple[Problem, ...] = Field(default=(), description="why it was rejected; empty if it was accepted")
    fingerprint: str = Field(default="", description="of the command, if it was one: its id stands for nothing else")
    trace: str = Field(default="", description="of its acceptance, if that was sampled: traceparent and tracestate")
    purged: bool = Field(default=False, description="past its app's retention: what it said and to whom is gone")

    @property
    def id(self) -> str:
        """The id that the backend knows."""
        return self.key.split(".", 1)[1]

    @property
    def since(self) -> datetime:
        """From when on it counts how long it takes."""
        return measured_from(self.accepted_at, self.begins_at)

    @property
    def personal(self) -> bool:
        """Whether recipients have values of their own."""
        return self.request.values is not None or PERSONAL in self.lists

    @property
    def goes_at_once(self) -> bool:
        """Whether its slices follow from its wake-up, without a look at the store."""
        return self.small and self.begins_at is None

    def list_name(self, name: str) -> str:
        """What the store calls the list of this name."""
        return f"{self.lists_name}/{name}"

    @property
    def lists_name(self) -> str:
        """What the names of its lists begin with; each revision has lists of its own."""
        return self.lists_of or (f"{self.key}/{self.revision}" if self.revision else self.key)

    def list_for(self, variant: str) -> str:
        """The name of the stored list that a route to this variant walks; only for a send that walks lists."""
        audience = self.request.audience
        if audience.tokens is not None:
            return f"tokens/{variant}"
        named = "users" if audience.users is not None else "devices"
        return PERSONAL if PERSONAL in self.lists else named

    @property
    def walks_lists(self) -> bool:
        """Whether its recipients are stored lists; whom it leaves out may be one beside a scan."""
        return any(not name.startswith(EXCLUDED) for name in self.lists)
