"""Requests as a backend might make them, and apps as they might be."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from shared.flow.accept import RouteTarget, accept
from shared.flow.audience import Audience, Tags
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.send import Problem, Send, SendRequest

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
VARIANTS = (RouteTarget("v1", "apns"), RouteTarget("v2", "fcm"), RouteTarget("v3", "fcm"))
text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
users = st.lists(text, min_size=1, max_size=30).map(tuple)
devices = st.lists(st.integers(0, 40).map(lambda n: f"{n:024x}"), min_size=1, max_size=60).map(tuple)
tokens = st.dictionaries(
    st.sampled_from(["v1", "v2", "v3", "nonesuch"]),
    st.lists(st.integers(0, 9).map(str), min_size=1, max_size=20).map(tuple),
    min_size=1,
    max_size=3,
)
narrowing = st.fixed_dictionaries(
    {},
    optional={
        "platforms": st.lists(st.sampled_from(["apns", "fcm", "pigeon"]), max_size=2).map(tuple),
        "variants": st.lists(st.sampled_from(["v1", "v2", "nonesuch"]), max_size=2).map(tuple),
        "tags": st.just(Tags(any=("news",))),
    },
)
audiences = st.one_of(
    st.just(Audience(everyone=True)),
    st.builds(lambda users, more: Audience(users=users, **more), users, narrowing),
    st.builds(lambda devices, more: Audience(devices=devices, **more), devices, narrowing),
    st.builds(lambda tokens: Audience(tokens=tokens), tokens),
    st.builds(lambda more: Audience(**{"tags": Tags(all=("vip",)), **more}), narrowing),
)
requests = st.builds(
    SendRequest,
    audience=audiences,
    message=st.builds(Message, title=text, data=st.dictionaries(text, text, max_size=2)),
    ttl=st.one_of(st.none(), st.floats(0.001, 28 * 86_400)),
    lane=st.one_of(st.none(), st.sampled_from(Lane)),
)


def accepted(
    request: SendRequest, variants: tuple[RouteTarget, ...] = VARIANTS, problems: tuple[Problem, ...] = ()
) -> Send:
    """The send that becomes of it; `problems` is what the providers find."""
    return accept(request, "a1", "a1.send0001", variants, NOW, check=lambda *_: problems)


def to(**audience: object) -> SendRequest:
    """A request to this audience."""
    return SendRequest.model_validate({"audience": audience, "message": {"title": "Ding"}})
