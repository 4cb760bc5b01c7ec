"""Opens slices: from the ids in a message to the chunks that are still to be worked."""

import asyncio
from collections.abc import Sequence

import structlog

from services.delivery.catalog import Catalog
from services.delivery.job import Job, job
from shared.flow.envelope import SliceDue
from shared.flow.identity import member_id, root_of, send_of
from shared.flow.plan import Plan
from shared.flow.send import Send
from shared.store.connection import Store

log = structlog.get_logger()


async def open_jobs(slices: Sequence[SliceDue], catalog: Catalog, store: Store) -> list[Job]:
    """The chunks of these slices without a record, each once, also of a slice that several messages brought.

    A slice that no stored plan explains has none: it is acked.
    """
    # The first chunk is all that a small send's slice or a retry has: both questions are asked at once.
    firsts = [member_id(one.id, 0) for one in slices]
    sends, closed = await asyncio.gather(catalog.sends(send_of(one.id) for one in slices), store.records.closed(firsts))
    jobs: list[Job] = []
    for one in slices:
        send = sends.get(send_of(one.id))
        plan = await catalog.plan(send) if send is not None else None
        if send is not None and plan is not None:
            jobs += _chunks_of(one, send, plan)
        else:
            log.warning("slice_without_a_plan", slice=one.id)
    others = {one.member for one in jobs}.difference(firsts)
    closed |= await store.records.closed(others) if others else set()
    return list({one.member: one for one in jobs if one.member not in closed}.values())


def _chunks_of(due: SliceDue, send: Send, plan: Plan) -> list[Job]:
    """All chunks of a slice, or those that the message narrows it to; a retry has one."""
    try:
        if "~" in due.id:
            return [job(member_id(due.id, 0), send, plan)]
        route, number = root_of(due.id)
        chunks = due.chunks if due.chunks is not None else range(plan.routes[route].chunks[number])
        return [job(member_id(due.id, chunk), send, plan) for chunk in chunks]
    except (LookupError, ValueError):
        log.warning("slice_without_a_plan", slice=due.id)
        return []
