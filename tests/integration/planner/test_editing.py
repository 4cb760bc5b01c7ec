"""A scheduled send that is replaced and called off at the same moment: nobody is told what is not so, and it ends."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from shared.editing import Editing
from shared.flow.accept import RouteTarget, accept
from shared.flow.order import Wish
from shared.flow.send import SendRequest
from shared.ordering import Ordering, TooLate
from shared.roster import Roster
from shared.runtime.clock import FixedClock
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from shared.terms import TermsBook

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
SOON = timedelta(minutes=1)
VARIANTS = (RouteTarget("v1", "apns"),)
KEY = "app.later001"


@pytest.fixture
async def opened(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        yield store


class RosterInTheMiddle:
    """An app with one variant; whoever asks for it, finds that the send was called off since he looked at it."""

    def __init__(self, ordering: Ordering) -> None:
        self._ordering = ordering

    async def of(self, _: str, *, fresh: bool = False) -> Roster:
        await self._ordering.carry_out(KEY, Wish.CANCEL)
        return Roster(VARIANTS, fresh=fresh)


async def test_what_is_called_off_while_it_is_replaced_is_closed_now_and_not_when_it_was_to_begin(
    opened: Store,
) -> None:
    clock = FixedClock(NOW)
    said: dict[str, Any] = {"audience": {"everyone": True}, "message": {"title": "Ding"}}
    request = SendRequest.model_validate({**said, "send_at": NOW + timedelta(days=100)})
    send = accept(request, "app", KEY, VARIANTS, NOW, check=lambda *_: ())
    await opened.sends.insert([send])
    await opened.schedule.add(send, NOW + timedelta(days=100), SOON)
    roster = RosterInTheMiddle(Ordering(opened, clock))
    editing = Editing(opened, cast("Any", roster), TermsBook(opened, clock), cast("Any", clock))
    with pytest.raises(TooLate, match="called off"):
        await editing.replace(KEY, request.model_copy(update={"send_at": NOW + timedelta(days=200)}))
    due = await opened.schedule.due(NOW, SOON)
    assert due is not None, "a planner looks at it now"
    assert due.key == KEY
