"""What a template may say: data of the device, filters, tests and words; whatever is not here is refused at the door.

Left out is what grows a text or a list by more than it is given, or hides its work from the engine's count of steps:
`*` and `**`, assignments, macros, blocks, functions and methods, loops in loops, and filters such as `replace` (again
and again on its own result), `slice`, `indent`, `format`, `tojson` and `map`.
"""

import re
from typing import Final

MOST_CHARACTERS: Final = 4096
"""In one template."""
MOST_IN_ALL: Final = 16_384
"""In all templates of a message for one platform."""
MOST_WORDS: Final = 64
"""In one tag: so no expression joins more than half as many values."""

FIELDS: Final = frozenset(
    {"id", "user", "locale", "language", "zone", "tags", "app_version", "os_version", "platform", "variant"}
)
"""What there is of a device beside its attributes."""
ATTRIBUTE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
LOOP: Final = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
FILTERS: Final = frozenset(
    {
        "abs", "capitalize", "d", "default", "first", "float", "int", "join", "last", "length", "lower", "max", "min",
        "reverse", "round", "sort", "string", "title", "trim", "truncate", "unique", "upper", "urlencode",
    }
)  # fmt: skip
TESTS: Final = frozenset(
    {"defined", "undefined", "string", "number", "integer", "even", "odd", "divisibleby", "startingwith", "endingwith"}
)
OPERATORS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})
CONSTANTS: Final = frozenset({"true", "false", "True", "False"})
ROW: Final = "d"
"""What the engine calls the device's values; no name of a template's own can be the same, see `own_name`."""


def own_name(name: str) -> str:
    """What the engine calls a variable of the template's own."""
    return f"v_{name}"


def value_of(key: str) -> str:
    """How the engine finds a value of the device: under a key with a dot, which no method of Python's has."""
    return f'{ROW}["{key}"]'
