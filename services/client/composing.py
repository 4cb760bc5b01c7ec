"""Makes requests of what the caller says. What is wrong by the models is refused here, field by field; pure."""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Literal, TypedDict, TypeVar

from pydantic import BaseModel, ValidationError

from services.client.errors import Refused
from shared.flow.audience import Audience
from shared.flow.lane import Lane
from shared.flow.local_time import LocalTime
from shared.flow.message import Message
from shared.flow.preview import Preview
from shared.flow.send import Duplicates, Problem, ReceiptsKept, SendRequest, TemplateRef
from shared.flow.timing import Canary, Repeat
from shared.providers.registry import problems_of

M = TypeVar("M", bound=BaseModel)
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
WRONG_KEY: Final = "a key is from 1 to 255 visible ASCII characters"


class Options(TypedDict, total=False):
    """The other fields of `SendRequest`, which says what each means; what is left out is as the server has it."""

    template: TemplateRef | None
    values: Mapping[str, Mapping[str, Any]] | None
    lane: Lane | Literal["now", "bulk"] | None
    duplicates: Duplicates | Literal["collapse", "allow", "never"]
    critical: bool
    dry_run: bool
    category: str | None
    stale_after_days: int | None
    confirm: bool
    receipts: ReceiptsKept | Literal["none", "failures", "all"]
    interactions: bool
    ttl: float | None
    send_at: datetime | None
    expires_at: datetime | None
    local: LocalTime | None
    repeat: Repeat | None
    canary: Canary | None
    per_minute: int | None
    start_within: float | None


class Said(TypedDict, total=False):
    """What can be said of a device; None removes it, what is left out stays."""

    user: str | None
    tags: list[str] | tuple[str, ...] | None
    attributes: Mapping[str, str | float | bool | None] | None
    locale: str | None
    zone: str | None
    app_version: str | None
    os_version: str | None
    categories: Mapping[str, bool] | None


def new_key() -> str:
    """A key for a request that came without one."""
    return uuid.uuid4().hex


def checked(key: str | None) -> str | None:
    """The key. Raises `Refused` for one that no door would take."""
    if key is not None and KEY.fullmatch(key) is None:
        raise Refused(HTTPStatus.BAD_REQUEST, WRONG_KEY, [Problem(pointer="/key", detail=WRONG_KEY)])
    return key


def request_of(audience: Audience, message: Message | None, rest: Mapping[str, Any]) -> SendRequest:
    """The send; without a message it names a stored template among the rest. Raises `Refused`."""
    said = {} if message is None else {"message": message}
    return _made(lambda: SendRequest(audience=audience, **said, **rest))


def preview_of(
    device: str, message: Message | None, template: TemplateRef | None, values: Mapping[str, Any] | None
) -> Preview:
    """The question what a device would get. Raises `Refused`."""
    given: dict[str, Any] = {"message": message, "template": template, "values": values}
    said = {name: value for name, value in given.items() if value is not None}
    return _made(lambda: Preview(device=device, **said))


def body_of(model: BaseModel) -> dict[str, Any]:
    """What was said, and no more."""
    return model.model_dump(mode="json", exclude_unset=True)


def refused(problems: list[Problem]) -> Refused:
    """To be raised: as the HTTP door says it."""
    first = problems[0]
    detail = f"{first.pointer}: {first.detail}" if first.pointer else first.detail
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, detail, problems)


def _made(make: Callable[[], M]) -> M:
    try:
        return make()
    except ValidationError as error:
        raise refused(problems_of(error)) from error
