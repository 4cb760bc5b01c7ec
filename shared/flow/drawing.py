"""Where the random bits of ids and secrets come from: the system, or a seed, so that a repetition draws the same."""

import hashlib
from collections.abc import Callable
from itertools import count
from typing import Final

Bits = Callable[[int], int]
"""A random number of so many bits, as `secrets.randbits` gives."""
MOST: Final = 512
"""Bits at a time: what one hash gives."""


def drawn_from(seed: bytes) -> Bits:
    """The same numbers in the same order for the same seed of 16 to 64 bytes; without it nobody can tell the next."""
    turns = count()

    def bits(wanted: int) -> int:
        if not 0 < wanted <= MOST:
            message = f"from 1 to {MOST} bits"
            raise ValueError(message)
        digest = hashlib.blake2b(next(turns).to_bytes(8, "big"), key=seed, digest_size=MOST // 8).digest()
        return int.from_bytes(digest, "big") >> (MOST - wanted)

    return bits
