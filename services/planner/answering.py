"""What a backend hears about its commands that make sends, and where it may hear it. Pure."""

from dataclasses import dataclass
from typing import Final

from shared.bus.topology import EXTERNAL
from shared.flow.answer import CommandAnswer
from shared.flow.send import Problem, Send

DIRECT_REPLY: Final = "amq.rabbitmq.reply-to"
USED: Final = Problem(pointer="/id", detail="another send has this id")


@dataclass(frozen=True, slots=True)
class Read:
    """One command of a message: the send it makes, and the lists to store before it."""

    send: Send
    lists: dict[str, tuple[str, ...]]
    check_only: bool = False
    """It asks only whether it is valid: nothing is stored."""

    @property
    def app(self) -> str:
        """The app whose send it is."""
        return self.send.app


def may_reply(app: str, reply_to: str | None) -> bool:
    """Only direct reply-to, or a queue that is the app's own by its name."""
    return reply_to is not None and (
        reply_to == DIRECT_REPLY or reply_to.startswith((f"{DIRECT_REPLY}.", f"{EXTERNAL}{app}."))
    )


def answer(read: Read, first: Send | None) -> CommandAnswer:
    """What the backend hears about one command; `first`: the send that had its id before."""
    send = read.send
    if first is not None and other_than(first, send):
        return CommandAnswer(id=send.id, state="rejected", errors=(USED,), conflict=True)
    told, again = first or send, first is not None
    if told.problems:
        return CommandAnswer(id=send.id, state="rejected", errors=told.problems, duplicate=again)
    if read.check_only:
        return CommandAnswer(id=send.id, state="valid", lane=told.lane, variants=told.routes)
    return CommandAnswer(
        id=send.id, state="accepted", lane=told.lane, accepted_at=told.accepted_at, begins_at=told.begins_at,
        deadline=told.deadline, duplicate=again,
    )  # fmt: skip


def other_than(first: Send, send: Send) -> bool:
    """Whether an id that is used stands for another request than this."""
    return first.fingerprint != send.fingerprint
