"""The checks of a send, in Google's order; each answers with Google's own error, or lets the attempt pass.

Order (the protocol reference, F.2): 401 → 403 IAM → 404 project → parse 400 → semantic 400 → quota 429 → target look-up
(400/403/404) → platform (401/400 with ApnsError). A script or fault takes the place of the last two.
"""

from collections.abc import Callable

from services.simulator.fcm import semantics
from services.simulator.fcm.attempt import Attempt
from services.simulator.fcm.condition import read_condition
from services.simulator.fcm.installation import Installation
from services.simulator.fcm.permission import bearer_of, project_refused, sending_refused
from services.simulator.fcm.quota import Refilling
from services.simulator.fcm.refusal import Refusal, bad_request, quota
from services.simulator.fcm.target import package_refused, platform_refused, state_refused, unknown_target

Check = Callable[[Attempt], Refusal | None]


def authenticated(attempt: Attempt) -> Refusal | None:
    bearer = bearer_of(attempt.request, attempt.world)
    if isinstance(bearer, Refusal):
        return bearer
    attempt.caller = bearer
    return None


def permitted(attempt: Attempt) -> Refusal | None:
    return sending_refused(attempt.bearer, attempt.project_name, attempt.world)


def project_known(attempt: Attempt) -> Refusal | None:
    refusal = project_refused(attempt.project_name, attempt.world)
    attempt.owner = attempt.world.directory.project(attempt.project_name)
    attempt.counted = refusal is None
    return refusal


def readable(attempt: Attempt) -> Refusal | None:
    return bad_request(attempt.violations) if attempt.violations else None


def meaningful(attempt: Attempt) -> Refusal | None:
    return semantics.refused(attempt.message)


def project_quota(attempt: Attempt) -> Refusal | None:
    bucket = project_bucket(attempt)
    if bucket.left(attempt.now) > 0:
        return None
    text = (
        "Quota exceeded for quota metric 'Messages sent' and limit 'Messages sent per minute' of service "
        f"'fcm.googleapis.com' for consumer 'project_number:{attempt.project.number}'."
    )
    return _retrying(quota(text, f"project:{attempt.project.id}"), bucket, attempt)


def device_quota(attempt: Attempt) -> Refusal | None:
    device = android_device(attempt)
    for bucket in attempt.world.quotas.device(device.key) if device else ():
        if bucket.left(attempt.now) <= 0:
            text = f"Quota exceeded: the message rate of this device is above {bucket.limit} in {bucket.period:.0f} s."
            return _retrying(quota(text, f"device:{attempt.target}"), bucket, attempt)
    return None


def topic_quota(attempt: Attempt) -> Refusal | None:
    if attempt.target or not attempt.world.devices.fan_outs.full(attempt.project.id):
        return None
    name = attempt.message.target
    refused = quota("Quota exceeded: too many concurrent fan-outs to topics of this project.", f"topic:{name}")
    wanted = attempt.world.knobs.quota_retry_after
    return refused.after(wanted) if isinstance(wanted, float) else refused


def target_alive(attempt: Attempt) -> Refusal | None:
    kind, found, knobs = attempt.message.target_kind, attempt.installation, attempt.world.knobs
    if not attempt.target:
        return None
    if found is None:
        if not knobs.accept_unknown_tokens:
            return unknown_target(kind, attempt.target, knobs)
        found = Installation.model_validate({kind: attempt.target, "project": attempt.project.id})
        attempt.installation = found = attempt.world.registry.put(found, attempt.now)
    refused = state_refused(kind, found, attempt.project, attempt.now, knobs)
    return refused or package_refused(found, attempt.message)


def platform_takes(attempt: Attempt) -> Refusal | None:
    if attempt.installation is None:
        return None
    return platform_refused(attempt.installation, attempt.message, attempt.project, attempt.world.knobs)


AT_THE_DOOR: tuple[Check, ...] = (
    authenticated,
    permitted,
    project_known,
    readable,
    meaningful,
    project_quota,
    device_quota,
    topic_quota,
)
AT_THE_TARGET: tuple[Check, ...] = (target_alive, platform_takes)


def first_refusal(checks: tuple[Check, ...], attempt: Attempt) -> Refusal | None:
    return next((refusal for check in checks if (refusal := check(attempt)) is not None), None)


def project_bucket(attempt: Attempt) -> Refilling:
    return attempt.world.quotas.project(attempt.project.number, attempt.project.messages_per_minute)


def android_device(attempt: Attempt) -> Installation | None:
    found = attempt.installation
    return found if found is not None and found.kind == "android" else None


def subscribers(attempt: Attempt) -> list[Installation]:
    """Whom a topic or condition means at this moment."""
    message, registry, project = attempt.message, attempt.world.registry, attempt.project.id
    if message.target_kind == "topic":
        return list(registry.subscribers.get((project, message.target), {}).values())
    condition = read_condition(message.target)
    if condition.matches(frozenset()):  # a negation means everybody who has none of the topics
        candidates = [each for each in registry.all() if each.project == project]
    else:
        named = (registry.subscribers.get((project, topic), {}) for topic in sorted(condition.topics))
        candidates = list({key: each for group in named for key, each in group.items()}.values())
    return [each for each in candidates if condition.matches(each.topics)]


def _retrying(refused: Refusal, bucket: Refilling, attempt: Attempt) -> Refusal:
    wanted = attempt.world.knobs.quota_retry_after
    if wanted == "none":
        return refused
    return refused.after(bucket.refills_in(attempt.now) if wanted == "refill" else wanted)
