"""The operator lays down rules for all sends of an app; its backends may read them."""

from http import HTTPStatus

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import missing
from shared.flow.rules import Rules


async def show(desk: Desk, call: Call) -> Reply:
    """The rules."""
    if call.key.app and call.key.app != call.path["app"]:
        raise missing(f"there is no app {call.path['app']!r}")
    app = await desk.store.apps.get(call.app)
    return Reply(HTTPStatus.OK, await desk.store.rules.of(app.id))


async def replace(desk: Desk, call: Call) -> Reply:
    """Other rules; every process takes them up within a second or so."""
    app = await desk.store.apps.get(call.app)
    rules: Rules = call.body
    await desk.store.rules.lay_down(app.id, rules)
    await desk.store.apps.changed(app.id)
    desk.rosters.forget(app.id)
    return Reply(HTTPStatus.OK, rules)
