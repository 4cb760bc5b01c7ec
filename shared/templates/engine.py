"""The one file that knows minijinja: all texts of a message, rendered for a page of devices in one call.

The engine bounds steps, not what a step makes, and it lets Python's own attributes through: what would misuse either
has been refused by `expression` and `reading`, which write every tag anew. Here only plain values are handed in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from json.encoder import encode_basestring
from secrets import token_hex
from time import thread_time
from typing import Any, Final
from urllib.parse import quote

from minijinja import Environment, TemplateError

from shared.templates.words import ROW

PAGE: Final = 16
"""Devices in one call: a call costs a microsecond, and more devices would have to be rendered again if one fails."""
STEPS: Final = 2000
"""For a page, of which a plain message needs some 30 a device; a page that fails is rendered again one by one, so that
neighbours decide nothing about each other. A loop over the most tags, 100, fits."""
PATIENCE: Final = timedelta(milliseconds=500)
"""CPU time for all devices of a call, a hundred times what plain messages need: nothing else is done meanwhile."""
LONGEST: Final = 4096
"""Characters that a filter of ours gives back."""
REMEMBERED: Final = 64
Row = Mapping[str, Any]
"""The values of one device by key. What a device lacks is not in it."""
Texts = tuple[str, ...]
"""What was rendered for one device, escaped as inside of a JSON string."""


class Engine:
    """Some templates, compiled. `sources` are what `read` has written."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._each = len(sources)
        self._between = f"~{token_hex(8)}~"  # no value can hold what nobody can guess
        self._environment = _environment()
        texts = "".join(source + self._between for source in sources)
        self._environment.add_template("page", f"{{% for {ROW} in rows %}}{texts}{{% endfor %}}")

    def render(self, rows: Sequence[Row]) -> list[Texts | None]:
        """The texts for each device, None where they cannot be rendered, or no more in time."""
        rendered: list[Texts | None] = []
        end = thread_time() + PATIENCE.total_seconds()
        for start in range(0, len(rows), PAGE):
            page = rows[start : start + PAGE]
            rendered += (thread_time() < end and self._page(page)) or self._one_by_one(page, end)
        return rendered

    def _one_by_one(self, page: Sequence[Row], end: float) -> Iterator[Texts | None]:
        for row in page:
            alone = self._page([row]) if thread_time() < end else None
            yield alone[0] if alone else None

    def _page(self, rows: Sequence[Row]) -> list[Texts] | None:
        text = _guarded(lambda: self._environment.render_template("page", rows=rows))
        if text is None:
            return None
        # One call escapes a whole page; what stands between the texts comes through it unchanged.
        parts = encode_basestring(text)[1:-1].split(self._between)[:-1]
        if len(parts) != len(rows) * self._each:
            return None
        return list(zip(*[iter(parts)] * self._each, strict=True))


@lru_cache(REMEMBERED)
def engine(sources: tuple[str, ...]) -> Engine:
    """The engine for these templates, made once as long as it is in use."""
    return Engine(sources)


@lru_cache(REMEMBERED)
def mistake(source: str) -> str | None:
    """What is wrong with the grammar of a template that `read` has written, or None."""
    try:
        _environment().add_template("one", source)
    except TemplateError as error:
        return error.detail or error.message
    except UnicodeEncodeError:
        return "holds half a surrogate pair"
    return None


def _environment() -> Environment:
    made = Environment(
        debug=False,
        fuel=STEPS,
        undefined_behavior="strict",
        auto_escape_callback=lambda _: False,
        keep_trailing_newline=True,
        pycompat=False,
        filters={"join": _join, "truncate": _truncate, "urlencode": _urlencode},
    )
    for name in ("range", "dict", "namespace", "debug"):
        made.remove_global(name)
    return made


def _guarded(render: Callable[[], str]) -> str | None:
    try:
        return render()
    except Exception:  # noqa: BLE001  # whatever it is, this text cannot be made
        return None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a fault in the engine; it derives from BaseException
            raise
        return None


def _bounded(text: str) -> str:
    if len(text) > LONGEST:
        message = f"more than {LONGEST} characters"
        raise ValueError(message)
    return text


def _join(values: Iterable[Any], between: str = "") -> str:
    if isinstance(values, str):
        message = "a text is no list"
        raise TypeError(message)
    return _bounded(between.join(map(str, values)))


def _truncate(text: str, length: int, end: str = "…") -> str:
    return text if len(text) <= length else text[: max(0, length - len(end))] + end


def _urlencode(value: object) -> str:
    return _bounded(quote(str(value), safe=""))
