"""The laws as they are asked of the model at every moment, by all who know: records, sweep and report."""

from services.planner.mending import still_open
from shared.flow import books
from shared.flow.plan import Plan
from shared.flow.report import fold, own_report, report, settled
from tests.unit.books.world import World


def lawful(world: World, key: str, plan: Plan) -> None:
    """Fails unless the books of a send are in order, open or closed."""
    parts, send = world.parts(key), world.sends[key]
    assert books.breaches(plan, parts) == []
    assert books.unaccepted(parts, world.covered, world.accepted[key].keys()) == 0
    open_ = books.still_open(plan, parts)
    found = still_open(plan, {part.member for part in parts}, world.debts(key))
    assert open_ == {member for member, _ in found.firsts} | {debt.member for debt in found.debts}
    if send.small:
        now = own_report(len(send.routes), send.accepted_at, parts)
    else:
        now = report(plan, fold(parts), finished_at=send.deadline)
    assert (now.state == "finished") == (not open_) == settled(plan.chunks, parts)
    assert now.total.open >= 0
    if key in world.finals:
        assert world.finals[key] == now
