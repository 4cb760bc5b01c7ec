"""Google's token endpoint: an assertion in, an access token or an OAuth error out (F1)."""

from urllib.parse import parse_qsl

from services.simulator.conduct import Conduct
from services.simulator.exchange import Request
from services.simulator.fcm.assertion import OAuthRefusal, Rules, claims_of, judge
from services.simulator.fcm.outcome import JSON, Outcome, refused, succeeded, unprocessed
from services.simulator.fcm.send import refusal_of
from services.simulator.fcm.world import World


def token(request: Request, world: World, conduct: Conduct) -> Outcome:
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    facts = {"auth": claims_of(form.get("assertion", ""))}
    faults = world.knobs.token_faults
    step = next((fault for fault in faults if conduct.dial.hit(fault.share)), None)
    if step is not None and (step.page or (step.drop and not step.processed)):
        return unprocessed(step, **facts)
    failure = refusal_of(step, step.status) if step is not None and step.status is not None else None
    if failure is not None:
        return refused(failure, step, **facts)
    judged = judge(form, world.directory.accounts, _rules(request, world))
    if isinstance(judged, OAuthRefusal):
        reason = f"{judged.error}: {judged.description}"
        return Outcome(judged.status, judged.body(), JSON, reason, facts, step)
    life = world.knobs.access_token_seconds
    granted = world.tokens.issue(judged, world.now(), life)
    return succeeded(
        {"access_token": granted, "expires_in": int(life), "token_type": "Bearer"}, "access_token", step, **facts
    )


def _rules(request: Request, world: World) -> Rules:
    own = f"https://{request.header(':authority') or request.header('host')}/token"
    return Rules(world.now(), (*world.knobs.audiences, own), world.knobs.clock_skew)
