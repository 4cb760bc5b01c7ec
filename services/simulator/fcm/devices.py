"""The devices behind the installations: hands them what was accepted and writes down what each would have shown."""

import heapq
from dataclasses import dataclass, field

from services.simulator.fcm.delivery_book import DeliveryBook
from services.simulator.fcm.fanout import FanOut, FanOuts
from services.simulator.fcm.installation import Installation
from services.simulator.fcm.mailbox import Event, Mailbox
from services.simulator.fcm.message import Message
from services.simulator.fcm.parcel import parcel_for
from services.simulator.ledger import Ledger


@dataclass(slots=True)
class Devices:
    """Mailboxes by installation key, made with the first message. Times in simulated seconds since the epoch."""

    ledger: Ledger
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    agenda: list[tuple[float, str]] = field(default_factory=list)  # a heap of when which mailbox has something to do
    fan_outs: FanOuts = field(default_factory=FanOuts)
    book: DeliveryBook = field(default_factory=DeliveryBook)

    def deliver(self, installation: Installation, message: Message, message_id: str, now: float) -> None:
        """A message that was accepted for this installation."""
        row = self.book.accepted(installation, message.analytics_label, now)
        parcel = parcel_for(installation.kind, message, message_id, now, row)
        mailbox = self._mailbox(installation)
        self._happened(installation.key, mailbox.arrive(parcel, now))
        self._note_due(installation.key, mailbox, now)

    def fan_out(self, started: FanOut, now: float) -> None:
        self.fan_outs.start(started, now)

    def presence(self, installation: Installation, now: float) -> None:
        """The device went on or off line, or into or out of Doze."""
        mailbox = self._mailbox(installation)
        mailbox.online, mailbox.doze = installation.online, installation.doze
        self._wake(installation.key, mailbox, now)

    def catch_up(self, now: float) -> None:
        for fan_out, installation in self.fan_outs.due(now):
            if installation.state == "active" and not installation.aged(now):
                self.deliver(installation, fan_out.message, fan_out.message_id, now)
        while self.agenda and self.agenda[0][0] <= now:
            _, key = heapq.heappop(self.agenda)
            mailbox = self.mailboxes.get(key)
            if mailbox is not None:
                self._wake(key, mailbox, now)

    def waiting(self, key: str) -> int:
        mailbox = self.mailboxes.get(key)
        return 0 if mailbox is None else len(mailbox.plain) + len(mailbox.collapsible)

    def clear(self) -> None:
        self.mailboxes.clear()
        self.agenda.clear()
        self.fan_outs.clear()
        self.book.clear()

    def _mailbox(self, installation: Installation) -> Mailbox:
        mailbox = self.mailboxes.get(installation.key)
        if mailbox is None:
            mailbox = Mailbox(installation.kind, installation.online, installation.doze, seed=installation.key)
            self.mailboxes[installation.key] = mailbox
        return mailbox

    def _wake(self, key: str, mailbox: Mailbox, now: float) -> None:
        self._happened(key, mailbox.wake(now))
        self._note_due(key, mailbox, now)

    def _note_due(self, key: str, mailbox: Mailbox, now: float) -> None:
        due = mailbox.due(now)
        if due is not None:
            heapq.heappush(self.agenda, (due, key))

    def _happened(self, key: str, events: list[Event]) -> None:
        for event in events:
            self.book.happened(event)
            self.ledger.show(key, described(event))


def described(event: Event) -> dict[str, object]:
    """For the device log. Only `shown` and `deleted_messages` reach the app; the other events say why nothing did."""
    if event.parcel is None:
        return {"event": event.what, "seen": False}
    parcel = event.parcel
    told: dict[str, object] = {"message_id": parcel.message_id, "collapse_key": parcel.collapse}
    told |= {"notification": parcel.shown, "data": parcel.data, "waited_for": event.waited}
    seen = event.what == "shown" and bool(parcel.shown)  # data alone shows nothing
    if seen:
        told["tag"] = parcel.tag
    return {"event": event.what, "seen": seen} | {name: value for name, value in told.items() if value}
