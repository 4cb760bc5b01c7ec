"""Decides whether a chunk kills its workers, or only was at hand when they died. Pure.

A worker has many chunks in hand when it dies, and it may die of something else: a kill, a machine, a full memory. So
deaths in company make a suspect, and only a death while the chunk was worked by itself speaks against it.
"""

from typing import Final

SUSPECT: Final = 3
"""After so many deaths without a record of it a chunk is worked by itself, and a slice chunk by chunk."""
DEATHS: Final = 3
"""Of it alone: so many, and one more for each worker that died without it meanwhile."""
MOST: Final = 10
"""Of it alone: more than these are never its ill luck."""


def suspect(deaths: int) -> bool:
    """Whether it is to be worked by itself. `deaths`: its workers', in whatever company."""
    return deaths >= SUSPECT


def guilty(alone: int, elsewhere: int) -> bool:
    """Whether it is to be closed as poison. `alone`: its workers' deaths with nothing else in hand.

    `elsewhere`: deaths since the first of these of workers of the same kind that it had nothing to do with.
    """
    return alone >= min(MOST, DEATHS + elsewhere)
