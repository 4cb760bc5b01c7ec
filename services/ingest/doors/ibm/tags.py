"""Tags that an app offers: a backend makes and describes them, apps on phones list them."""

from http import HTTPStatus
from typing import Annotated, Final

from pydantic import StringConstraints

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.ibm.mapping import EVERYONE
from services.ingest.doors.ibm.wording import CREATED_MODE, Camel, Page, PageInfo, Said, place, when
from services.ingest.problems import field_invalid, refused, unavailable
from shared.flow.audience import Tag
from shared.store.tags import OfferedTag

ROUNDS: Final = 50
"""So many thousand devices lose a removed tag within one request."""
RETRY_AFTER: Final = 1
Description = Annotated[str, StringConstraints(max_length=1024)]


class NewTag(Camel):
    """A tag to offer."""

    name: Tag
    description: Description | None = None


class TagChange(Camel):
    """Another description; a tag keeps its name."""

    name: Tag | None = None
    description: Description | None = None


class TagView(Said):
    """One tag."""

    name: str
    description: str
    created_time: str
    last_updated_time: str
    created_mode: str = CREATED_MODE
    href: str


class TagList(Said):
    """A page of tags, by name."""

    tags: tuple[TagView, ...]
    page_info: PageInfo


async def create(desk: Desk, call: Call) -> Reply:
    """Offers a tag."""
    new: NewTag = call.body
    if new.name == EVERYONE:
        raise refused(HTTPStatus.CONFLICT, f"every app has {EVERYONE}, and every device is subscribed to it")
    made = _view(call, await desk.store.tags.create(call.app, new.name, new.description or "", desk.now()))
    return Reply(HTTPStatus.CREATED, made, made.href)


async def show(desk: Desk, call: Call) -> Reply:
    """One tag."""
    return Reply(HTTPStatus.OK, _view(call, await desk.store.tags.get(call.app, call.path["tag"])))


async def show_all(desk: Desk, call: Call) -> Reply:
    """A page of tags."""
    page: Page = call.query
    found = tuple(_view(call, one) for one in await desk.store.tags.page(call.app, page.offset, page.size))
    info = page.info(place(call.app, "tags"), len(found), await desk.store.tags.count(call.app))
    return Reply(HTTPStatus.OK, TagList(tags=found, page_info=info))


async def change(desk: Desk, call: Call) -> Reply:
    """Describes a tag anew."""
    wanted: TagChange = call.body
    if wanted.name not in (None, call.path["tag"]):
        raise field_invalid("/name", "a tag keeps its name")
    changed = await desk.store.tags.describe(call.app, call.path["tag"], wanted.description or "", desk.now())
    return Reply(HTTPStatus.OK, _view(call, changed))


async def remove(desk: Desk, call: Call) -> Reply:
    """Offers a tag no longer, and takes it from every device."""
    tag = (await desk.store.tags.get(call.app, call.path["tag"])).name
    variants = [one.variant for one in (await desk.rosters.of(call.app, fresh=True)).targets]
    if not await desk.store.named.untag(call.app, variants, tag, ROUNDS):
        raise unavailable("the tag is being taken from many devices: ask again until it is done", RETRY_AFTER)
    await desk.store.tags.delete(call.app, tag)
    return Reply(HTTPStatus.NO_CONTENT)


def _view(call: Call, tag: OfferedTag) -> TagView:
    return TagView(
        name=tag.name,
        description=tag.description,
        created_time=when(tag.created_at),
        last_updated_time=when(tag.changed_at),
        href=place(call.app, "tags", tag.name),
    )
