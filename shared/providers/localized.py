"""A message in the language of each device: one prepared message for each translation that is needed, made then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.flow.device import Device
from shared.flow.locale import best, spelled
from shared.flow.message import Message
from shared.flow.send import Problem
from shared.providers.contract import Context, Headers, Made, Prepared, Provider, Requests, VariantSettings

NOT_SAID: Final = "a translation says only what the message itself says"


@dataclass(frozen=True, slots=True)
class Localized:
    """What is said to whom; headers are the same for all, as a translation adds nothing that the message lacks."""

    message: Message
    own: Prepared
    make: Callable[[Message], Prepared]
    _made: dict[str, Prepared] = field(default_factory=dict)

    @property
    def headers(self) -> Headers:
        """Those of the message itself."""
        return self.own.headers

    @property
    def aside(self) -> bool:
        """As for the message itself: a translation changes no topic."""
        return self.own.aside

    def requests(self, devices: Sequence[Device]) -> Made:
        """The requests for these devices, language by language."""
        groups: dict[str | None, list[Device]] = {}
        chosen: dict[str | None, str | None] = {}
        for device in devices:
            locale = (device.facts or {}).get("locale")
            if locale not in chosen:
                chosen[locale] = best(locale, self.message.translations, self.message.fallback_chains)
            groups.setdefault(chosen[locale], []).append(device)
        return joined([self._prepared(tag).requests(some) for tag, some in groups.items()])

    def _prepared(self, tag: str | None) -> Prepared:
        if tag is None:
            return self.own
        if tag not in self._made:
            self._made[tag] = self.make(self.message.translated(tag))
        return self._made[tag]


def prepared(provider: Provider[Any, Any], message: Message, settings: VariantSettings, context: Context) -> Prepared:
    """The message for one variant, in as many languages as it has."""
    own = provider.prepare(message, settings, context)
    if not message.localized:
        return own
    return Localized(message, own, lambda translated: provider.prepare(translated, settings, context))


def joined(parts: Sequence[Made]) -> Made:
    """Requests of several messages as if they were of one."""
    if len(parts) == 1:
        return parts[0]
    some = [one.requests for one in parts if one.requests.count]
    refused = [one for part in parts for one in part.refused]
    if not some:
        return Made(Requests(0, (), b""), (), refused)
    paths: list[str] = []
    bodies: list[bytes] = []
    for one in some:
        paths += [one.paths] * one.count if isinstance(one.paths, str) else one.paths
        bodies += [one.bodies] * one.count if isinstance(one.bodies, bytes) else one.bodies
    ids = [id_ for one in some for id_ in one.ids]
    whole = replace(some[0], count=len(bodies), paths=paths, bodies=bodies, ids=ids)
    return Made(whole, [device for part in parts for device in part.devices], refused)


def problems(message: Message, check: Callable[[Message], Sequence[Problem]]) -> list[Problem]:
    """What is wrong with its translations; `check` says what is wrong with a message in one language."""
    found: list[Problem] = []
    for tag, translation in message.localized.items():
        extra = [f"/{name}" for name in translation.said if name != "data" and getattr(message, name) is None]
        extra += [f"/data/{_escaped(name)}" for name in translation.data if name not in message.data]
        known = {one.id for one in message.actions}
        extra += [f"/actions/{_escaped(one)}" for one in translation.actions if one not in known]
        found += [Problem(pointer=f"/localized/{tag}{one}", detail=NOT_SAID) for one in extra]
        if not extra:
            wrong = check(message.translated(spelled(tag)))
            found += [_placed(one, f"/localized/{tag}", translation.said) for one in wrong]
    return found


def _placed(problem: Problem, at: str, said: Sequence[str]) -> Problem:
    """What is wrong with a field of a translation is its fault; all else is the message's own."""
    _, _, field_ = problem.pointer.partition("/")
    own = not field_ or field_.partition("/")[0] in said
    return problem.model_copy(update={"pointer": at + problem.pointer}) if own else problem


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
