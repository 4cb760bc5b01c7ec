"""Which variant a path means: `<app>`, or `<app>.<variant>`, because an app GUID is all that IBM's SDKs can be told."""

from collections.abc import Sequence

from services.ingest.call import Call
from services.ingest.desk import Desk
from services.ingest.doors.ibm.words import PLATFORMS
from services.ingest.problems import field_invalid, missing
from shared.flow.accept import RouteTarget
from shared.flow.identity import DEVICE_ID, device_id


def named(call: Call) -> str:
    """The variant that the path names, or nothing."""
    return call.path["app"].partition(".")[2]


async def targets_of(desk: Desk, call: Call) -> Sequence[RouteTarget]:
    """The variants that the path means. Raises `Refused` if it names one that the app has not."""
    wanted = named(call)
    targets = (await desk.rosters.of(call.app)).targets
    if wanted and wanted not in {one.variant for one in targets}:
        targets = (await desk.rosters.of(call.app, fresh=True)).targets
    meant = [one for one in targets if wanted in ("", one.variant)]
    if wanted and not meant:
        raise missing("the app has no such variant")
    return meant


async def variant_for(desk: Desk, call: Call, platform: str) -> RouteTarget:
    """The one for devices of this platform, A or G. Raises `Refused`."""
    fit = _fit(await targets_of(desk, call), platform)
    if not fit:
        await desk.rosters.of(call.app, fresh=True)
        fit = _fit(await targets_of(desk, call), platform)
    if not fit:
        raise field_invalid("/platform", f"the app has no variant for devices of the platform {platform}")
    if len(fit) > 1:
        ids = ", ".join(one.variant for one in fit)
        raise field_invalid("/platform", f"there are several such variants ({ids}): give <app>.<variant> as the app")
    return fit[0]


def _fit(targets: Sequence[RouteTarget], platform: str) -> list[RouteTarget]:
    return [one for one in targets if one.platform == PLATFORMS[platform]]


def ids_of(name: str, targets: Sequence[RouteTarget]) -> list[bytes]:
    """What we may call a device that its app calls so: one id for each variant, and our own id as it is."""
    ids = [device_id(one.variant, f"i:{name}") for one in targets]
    return [*ids, bytes.fromhex(name)] if DEVICE_ID.fullmatch(name) else ids
