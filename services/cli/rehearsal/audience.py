"""Draws the rehearsal's devices: half Apple's, half Android, each in one condition; the same seed draws the same."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from services.cli.rehearsal.conditions import CONDITIONS, HEALTHY, Condition

SOLOIST: Final = "ada"
"""The user that the second send is for; she has one healthy device of each platform."""
FEWEST: Final = 2 * len(CONDITIONS) * max(map(len, CONDITIONS.values()))
LANGUAGES: Final = ("en", "de", "fr", "pt-BR", "ja")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One device before it is registered anywhere."""

    platform: str
    token: str
    user: str
    locale: str
    condition: Condition


def draw(count: int, seed: int) -> tuple[Drawn, ...]:
    """Exactly so many devices; of every condition its share, but at least one."""
    chance = Random(seed)  # noqa: S311  # repeatable, not secret
    platforms = sorted(CONDITIONS)
    return tuple(
        device
        for place, platform in enumerate(platforms)
        for device in _of(platform, count // len(platforms) + (place < count % len(platforms)), chance)
    )


def _of(platform: str, count: int, chance: Random) -> Iterator[Drawn]:
    afflicted = [c for c in CONDITIONS[platform] for _ in range(max(1, round(c.share * count)))]
    conditions = [*afflicted, *[HEALTHY] * (count - len(afflicted) - 1)]
    chance.shuffle(conditions)
    for number, condition in enumerate([HEALTHY, *conditions]):
        user = SOLOIST if number == 0 else f"user-{platform}-{number}"
        yield Drawn(platform, _token(platform, chance), user, chance.choice(LANGUAGES), condition)


def _token(platform: str, chance: Random) -> str:
    """Shaped like the provider's own (opaque to everybody else)."""
    if platform == "apns":
        return chance.randbytes(32).hex()
    return f"{_base64url(chance, 16)}:APA91b{_base64url(chance, 99)}"


def _base64url(chance: Random, octets: int) -> str:
    return base64.urlsafe_b64encode(chance.randbytes(octets)).decode().rstrip("=")
