"""Reads a message whatever its properties hold: pamqp ends the connection over what it cannot decode.

RabbitMQ passes on a timestamp past the year 9999 and text that is not UTF-8. The message comes again, and ends the next
connection: whoever may publish commands could throw out every planner with one of them. So properties that cannot be
read are as good as none: the message is unsigned, and goes to the dead letters.
"""

from typing import Final

from pamqp import decode
from pamqp.commands import Basic

_strict: Final = Basic.Properties.unmarshal


def be_tolerant() -> None:
    """For the whole process; a second call changes nothing."""
    decode.METHODS["shortstr"] = _short_string
    Basic.Properties.unmarshal = _properties  # type: ignore[method-assign, assignment]  # it has no other seam


def _properties(self: Basic.Properties, flags: int, data: bytes) -> None:
    try:
        _strict(self, flags, data)
    except Exception:  # noqa: BLE001  # wrong dates and texts, tables nested too deeply, and what else there may be
        for name in self.__slots__:
            setattr(self, name, None)


def _short_string(value: bytes) -> tuple[int, str]:
    """As pamqp's own, of any bytes (a routing key is no property), and never longer: it may have to go out again."""
    end = value[0] + 1
    return end, value[1:end].decode("utf-8", "ignore")
