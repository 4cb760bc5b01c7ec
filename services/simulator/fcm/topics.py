"""Topic management: the instance id API with its errors in a word, and the v1 API's subscriptions (F19).

Source: the protocol reference, B.7; the v1 form as the Admin SDK for Python asks for it since version 7.6.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from services.simulator.exchange import Request
from services.simulator.fcm.access_token import Bearer
from services.simulator.fcm.installation import Installation, well_formed
from services.simulator.fcm.outcome import JSON, Outcome, refused, succeeded
from services.simulator.fcm.permission import bearer_of, project_refused, sending_refused
from services.simulator.fcm.project import Project
from services.simulator.fcm.refusal import STATUS_OF, Refusal, fcm_error, invalid_message, refusal
from services.simulator.fcm.target import state_refused, unknown_target
from services.simulator.fcm.world import World

BATCH_LIMIT = 1000  # tokens
NAME = re.compile(r"(/topics/)?(private/)?([a-zA-Z0-9\-_.~%]+)")
PLATFORM = {"android": "ANDROID", "ios": "IOS", "web": "CHROME"}


class Failed(Exception):  # noqa: N818  (caught in this file)
    """The instance id API's top-level failure: a status and a word."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


def batch(request: Request, world: World, operation: str) -> Outcome:
    """`batchAdd` or `batchRemove`: one result a token, in order; `{}` is a success."""
    try:
        project = _iid_caller(request, world)
        topic, tokens = _batch(request.body)
        _charge(project, world)
    except Failed as failure:
        return _failed(failure)
    results = [_one(world, project, name, topic, operation) for name in tokens]
    return succeeded({"results": [{"error": error} if error else {} for error in results]}, "topics", topic=topic)


def subscribe_one(request: Request, world: World, token: str, topic: str) -> Outcome:
    """`POST /iid/v1/<token>/rel/topics/<name>`."""
    try:
        project = _iid_caller(request, world)
        _charge(project, world)
    except Failed as failure:
        return _failed(failure)
    error = _one(world, project, unquote(token), unquote(topic), "batchAdd")
    return _failed(Failed(STATUS_OF.get(error, 400), error)) if error else succeeded({}, "topics", topic=topic)


def info(request: Request, world: World, token: str) -> Outcome:
    """`GET /iid/info/<token>?details=true`."""
    try:
        project = _iid_caller(request, world)
    except Failed as failure:
        return _failed(failure)
    found = world.registry.by_token.get(unquote(token))
    if found is None or found.project != project.id or _token_error(world, project, unquote(token)):
        return _failed(Failed(404, "NOT_FOUND"))
    told: dict[str, Any] = {"application": found.package, "platform": PLATFORM[found.kind]}
    told |= {"authorizedEntity": project.number, "connectionType": "WIFI"}
    if "details" in parse_qs(urlsplit(request.path).query):
        told["rel"] = {"topics": {topic: {"addDate": "2026-01-01"} for topic in sorted(found.topics)}}
    return succeeded(told, "topics")


def subscription(request: Request, world: World, project_name: str, token: str, topic: str) -> Outcome:
    """`POST …/registrations/<token>/topicSubscriptions?topic_name=…`, `DELETE …/topicSubscriptions/<name>`."""
    query = parse_qs(urlsplit(request.path).query)
    topic = unquote(topic) or (query.get("topic_name") or [""])[0]
    found = _registered(request, world, project_name, unquote(token), topic)
    if isinstance(found, Refusal):
        return refused(found, topic=topic)
    path = f"projects/{project_name}/registrations/{token}/topicSubscriptions/{topic}"
    if request.method == "POST":
        had = topic in found.topics
        if not world.registry.subscribe(found, topic):
            return refused(refusal("RESOURCE_EXHAUSTED", "Too many topics.", fcm_error("QUOTA_EXCEEDED")))
        return (
            refused(refusal("ALREADY_EXISTS", "It exists."), topic=topic)
            if had
            else succeeded({"name": path}, "topics", topic=topic)
        )
    if world.registry.unsubscribe(found, topic) or query.get("allow_missing") == ["true"]:
        return succeeded({}, "topics", topic=topic)
    return refused(refusal("NOT_FOUND"), topic=topic)


def _registered(request: Request, world: World, project_name: str, token: str, topic: str) -> Installation | Refusal:
    bearer = bearer_of(request, world)
    if isinstance(bearer, Refusal):
        return bearer
    denied = sending_refused(bearer, project_name, world) or project_refused(project_name, world)
    if denied is not None:
        return denied
    project, found = world.directory.project(project_name), world.registry.by_token.get(token)
    if not NAME.fullmatch(topic):
        return invalid_message("Invalid topic name.", "topic_name")
    if found is None or project is None:
        return unknown_target("token", token, world.knobs)
    return state_refused("token", found, project, world.now(), world.knobs) or found


def _iid_caller(request: Request, world: World) -> Project:
    """Without `access_token_auth` the bearer is read as a legacy server key, and those are gone."""
    bearer = bearer_of(request, world)
    if not isinstance(bearer, Bearer) or (request.header("access_token_auth") or "").lower() != "true":
        raise Failed(401, "Unauthorized")
    account = world.directory.accounts.get(bearer.grant.account)
    project = world.directory.project(account.project) if account else None
    if project is None or sending_refused(bearer, project.id, world) is not None:
        raise Failed(403, "PERMISSION_DENIED")
    return project


def _batch(body: bytes) -> tuple[str, list[str]]:
    try:
        value = json.loads(body)
        to, tokens = value["to"], value["registration_tokens"]
    except (ValueError, TypeError, KeyError):
        raise Failed(400, "INVALID_ARGUMENT") from None
    named = NAME.fullmatch(to) if isinstance(to, str) else None
    if named is None or not isinstance(tokens, list) or not 0 < len(tokens) <= BATCH_LIMIT:
        raise Failed(400, "INVALID_ARGUMENT")
    return named[3], [str(token) for token in tokens]


def _charge(project: Project, world: World) -> None:
    bucket = world.quotas.topics(project.number, world.knobs.topic_requests_per_second)
    if bucket.left(world.now()) <= 0:
        raise Failed(429, "RESOURCE_EXHAUSTED")
    bucket.use(world.now())


def _one(world: World, project: Project, token: str, topic: str, operation: str) -> str:
    """The token's error, or nothing."""
    error = _token_error(world, project, token)
    if error:
        return error
    found = world.registry.by_token[token]
    if operation == "batchRemove":
        world.registry.unsubscribe(found, topic)
        return ""
    return "" if world.registry.subscribe(found, topic) else "TOO_MANY_TOPICS"


def _token_error(world: World, project: Project, token: str) -> str:
    found = world.registry.by_token.get(token)
    if found is None:
        return "NOT_FOUND" if well_formed("token", token) else "INVALID_ARGUMENT"
    refused_as = state_refused("token", found, project, world.now(), world.knobs)
    return "" if refused_as is None else refused_as.state


def _failed(failure: Failed) -> Outcome:
    return Outcome(failure.status, json.dumps({"error": failure.error}).encode(), JSON, failure.error)
