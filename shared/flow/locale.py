"""Which translation a device gets: the longest that its locale begins with, then what it falls back to. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

Fallbacks = Mapping[str, Sequence[str]]


def spelled(locale: str) -> str:
    """One spelling of a language tag: case does not matter, and some write pt_BR (RFC 5646, section 2.1.1)."""
    return locale.replace("_", "-").lower()


def ranges(locale: str) -> Iterator[str]:
    """The tag, then shorter and shorter beginnings of it (RFC 4647, section 3.4): zh-hant-tw, zh-hant, zh."""
    parts = spelled(locale).split("-")
    while parts:
        yield "-".join(parts)
        parts.pop()
        if parts and len(parts[-1]) == 1:  # a singleton begins something that is gone now
            parts.pop()


def best(locale: str | None, known: Collection[str], fallbacks: Fallbacks) -> str | None:
    """The one of these translations for this locale, or None: the message itself. All in the one spelling."""
    if locale is None:
        return None
    for one in _wished(locale, fallbacks):
        if one in known:
            return one
    return None


def _wished(locale: str, fallbacks: Fallbacks) -> Iterator[str]:
    """What the locale begins with; then what the most precise of these falls back to, each with its own beginnings."""
    own = list(ranges(locale))
    yield from own
    for one in own:
        for other in fallbacks.get(one, ()):
            yield from ranges(other)
