"""`messages:send`: checks, then what an accepted message sets going, and the answer."""

import secrets
from collections import deque
from dataclasses import replace
from uuid import uuid4

from services.simulator.conduct import Conduct
from services.simulator.exchange import Request
from services.simulator.fcm import checks
from services.simulator.fcm.attempt import Attempt, attempt_for
from services.simulator.fcm.fanout import FanOut
from services.simulator.fcm.knobs import FcmStep
from services.simulator.fcm.outcome import OK, Outcome, refused, succeeded, unprocessed
from services.simulator.fcm.refusal import (
    MESSAGE_OF,
    STATE_OF_FCM_CODE,
    STATUS_OF,
    Refusal,
    apns_error,
    fcm_error,
    html,
)
from services.simulator.fcm.world import World
from services.simulator.knobs import Step

FAKE_ID = "fake_message_id"
TOO_MANY = 429
CLIENT_ERRORS = range(400, 500)


def send(request: Request, world: World, conduct: Conduct, project: str) -> Outcome:
    attempt = attempt_for(request, world, project)
    outcome = _decide(attempt, conduct)
    _charge(attempt, outcome)
    return outcome


def _decide(attempt: Attempt, conduct: Conduct) -> Outcome:
    at_the_door = checks.first_refusal(checks.AT_THE_DOOR, attempt)
    if at_the_door is not None:
        return refused(at_the_door, **attempt.facts())
    step = conduct.disturbance(attempt.world.scripts.take(attempt.target) if attempt.target else None)
    if step is not None and (step.page or (step.drop and not step.processed)):
        return unprocessed(step, **attempt.facts())
    if step is not None and step.status is not None:
        at_the_target = refusal_of(step, step.status)
    else:
        at_the_target = checks.first_refusal(checks.AT_THE_TARGET, attempt)
    if at_the_target is not None:
        return refused(at_the_target, step, **attempt.facts())
    return _accept(attempt, step)


def _accept(attempt: Attempt, step: Step | None) -> Outcome:
    name = f"projects/{attempt.project.id}/messages/"
    if attempt.message.validate_only:
        return succeeded({"name": name + FAKE_ID}, "validate_only", step, **attempt.facts())
    message_id = _message_id(attempt)
    if attempt.target:
        _deliver(attempt, message_id)
    else:
        fan_out = FanOut(attempt.project.id, message_id, attempt.message, deque(checks.subscribers(attempt)))
        attempt.world.devices.fan_out(fan_out, attempt.now)
    return succeeded({"name": name + message_id}, "", step, message_id=message_id, **attempt.facts())


def _deliver(attempt: Attempt, message_id: str) -> None:
    device = checks.android_device(attempt)
    for bucket in attempt.world.quotas.device(device.key) if device else ():
        bucket.use(attempt.now)
    if attempt.installation is not None:  # a script may accept for a token that nobody has
        attempt.world.devices.deliver(attempt.installation, attempt.message, message_id, attempt.now)


def _charge(attempt: Attempt, outcome: Outcome) -> None:
    """Google counts what it accepted and what the caller got wrong, but no 429 and no failure of its own."""
    wrong = outcome.status in CLIENT_ERRORS and outcome.status != TOO_MANY
    if attempt.counted and (outcome.status == OK or wrong):
        checks.project_bucket(attempt).use(attempt.now)


def _message_id(attempt: Attempt) -> str:
    """Opaque; the shapes that are seen: a plain number for topics, a UUID for browsers, time%hash for devices."""
    if not attempt.target:
        return str(secrets.randbits(62))
    if attempt.installation is not None and attempt.installation.kind == "web":
        return str(uuid4())
    return f"0:{int(attempt.now * 1_000_000)}%{secrets.token_hex(8)}"


def refusal_of(step: Step, status: int) -> Refusal | None:
    """The error that a script or fault asks for; None for a scripted success. What it leaves open follows from B.3."""
    if status < CLIENT_ERRORS.start:
        return None
    wanted = (
        step if isinstance(step, FcmStep) else FcmStep.model_validate(step.model_dump(include=set(Step.model_fields)))
    )
    if wanted.html:
        return replace(html(status), retry_after=step.retry_after)
    state = wanted.state or _state(wanted.reason, status)
    details = [fcm_error(wanted.reason)] if wanted.reason else []
    if wanted.apns is not None:
        details.append(apns_error(wanted.apns.status, wanted.apns.reason))
    text = wanted.message or MESSAGE_OF.get(state, state)
    return Refusal(status, state, text, tuple(details), retry_after=step.retry_after)


def _state(code: str, status: int) -> str:
    state = STATE_OF_FCM_CODE.get(code, "")
    if STATUS_OF.get(state) == status:
        return state
    return next((name for name, of in STATUS_OF.items() if of == status), "UNKNOWN")
