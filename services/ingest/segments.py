"""A backend saves filters under names, for its audiences."""

from http import HTTPStatus

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import missing
from shared.flow.model import Travelling
from shared.flow.segment import Segment, SegmentContent


class SegmentView(Segment):
    """One segment."""


class SegmentList(Travelling):
    """Every segment of the app, by name."""

    segments: tuple[SegmentView, ...]


async def create(desk: Desk, call: Call) -> Reply:
    """A new segment."""
    segment: Segment = call.body
    await desk.store.segments.create(call.app, segment, desk.now())
    return Reply(HTTPStatus.CREATED, _view(segment), f"/v1/segments/{segment.name}")


async def show_all(desk: Desk, call: Call) -> Reply:
    """Every segment."""
    found = await desk.store.segments.all(call.app)
    return Reply(HTTPStatus.OK, SegmentList(segments=tuple(map(_view, found))))


async def show(desk: Desk, call: Call) -> Reply:
    """One segment."""
    return Reply(HTTPStatus.OK, _view(await desk.store.segments.get(call.app, call.path["segment"])))


async def replace(desk: Desk, call: Call) -> Reply:
    """Another meaning for the same name."""
    before = await desk.store.segments.get(call.app, call.path["segment"])
    content: SegmentContent = call.body
    segment = Segment(name=before.name, filter=content.filter, description=content.description)
    if not await desk.store.segments.replace(call.app, segment, desk.now()):
        raise missing("the app has no such segment any more")
    return Reply(HTTPStatus.OK, _view(segment))


async def delete(desk: Desk, call: Call) -> Reply:
    """Removes a segment; what was accepted with it keeps it."""
    if not await desk.store.segments.delete(call.app, call.path["segment"]):
        raise missing("the app has no such segment")
    return Reply(HTTPStatus.NO_CONTENT)


def _view(segment: Segment) -> SegmentView:
    return SegmentView(name=segment.name, filter=segment.filter, description=segment.description)
