"""One app installation: its token or FID, whose it is, how it is; and the registry of all of them.

Source: the protocol reference, F.2: token states F6, ageing F17, FID interplay F18.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.simulator.fcm.project import Platform

INACTIVE_AFTER = 270 * 86400.0  # seconds; Android only (the protocol reference, B.6)
TOPICS_LIMIT = 2000  # per app instance

TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_\-]{8,}:[A-Za-z0-9_\-]{20,}")
FID_SHAPE = re.compile(r"[cdef][A-Za-z0-9_\-]{21}")

State = Literal[
    "active",
    "unregistered",  # 404 UNREGISTERED
    "malformed",  # 400 with the token's text
    "other_project",  # 403 SENDER_ID_MISMATCH; so is any token asked for under another project than its own
    "ios_disabled",  # 400 or 404 with ApnsError 410 Unregistered
    "ios_bad_token",  # 400 with ApnsError 400 BadDeviceToken
    "ios_wrong_topic",  # 400 with ApnsError 400 DeviceTokenNotForTopic
    "web_dead",  # 404 UNREGISTERED
]


class Installation(BaseModel):
    """As it is imported and exported: token, FID or both. `last_seen` in seconds since the epoch, simulated."""

    model_config = ConfigDict(extra="forbid")

    token: str | None = None
    fid: str | None = None
    project: str = Field(description="its id")
    kind: Platform = "android"
    state: State = "active"
    fid_state: Literal["active", "unregistered"] = "active"
    last_seen: float | None = Field(default=None, description="none: when it was imported")
    package: str = Field(default="", description="what restricted_package_name must match; empty matches any")
    app_id: str = Field(default="", description="as delivery data names the app")
    online: bool = True
    doze: bool = Field(default=False, description="Android: normal priority waits")
    topics: frozenset[str] = frozenset()

    @model_validator(mode="after")
    def _named(self) -> "Installation":
        if not self.token and not self.fid:
            raise ValueError("an installation needs a token, a fid, or both")
        return self

    @property
    def key(self) -> str:
        """The name under which its device is remembered."""
        return self.token or self.fid or ""

    def aged(self, now: float) -> bool:
        return self.kind == "android" and self.last_seen is not None and now - self.last_seen > INACTIVE_AFTER


@dataclass(slots=True)
class Registry:
    """All installations by token and by FID, and who subscribed to what."""

    by_token: dict[str, Installation] = field(default_factory=dict)
    by_fid: dict[str, Installation] = field(default_factory=dict)
    subscribers: dict[tuple[str, str], dict[str, Installation]] = field(default_factory=dict)

    def put(self, installation: Installation, now: float) -> Installation:
        """Replaces what had the same token or FID."""
        for old in (self.by_token.get(installation.token or ""), self.by_fid.get(installation.fid or "")):
            if old is not None:
                self.remove(old)
        kept = installation.model_copy(update={"last_seen": installation.last_seen or now})
        if kept.token:
            self.by_token[kept.token] = kept
        if kept.fid:
            self.by_fid[kept.fid] = kept
        for topic in kept.topics:
            self.subscribers.setdefault((kept.project, topic), {})[kept.key] = kept
        return kept

    def remove(self, installation: Installation) -> None:
        self.by_token.pop(installation.token or "", None)
        self.by_fid.pop(installation.fid or "", None)
        for topic in installation.topics:
            self.subscribers.get((installation.project, topic), {}).pop(installation.key, None)

    def find(self, name: str) -> Installation | None:
        """By token or FID, whichever the name is."""
        return self.by_token.get(name) or self.by_fid.get(name)

    def all(self) -> Iterator[Installation]:
        yield from self.by_token.values()
        yield from (each for each in self.by_fid.values() if not each.token)

    def subscribe(self, installation: Installation, topic: str) -> bool:
        """False if it has too many topics already."""
        if topic not in installation.topics and len(installation.topics) >= TOPICS_LIMIT:
            return False
        installation.topics |= {topic}
        self.subscribers.setdefault((installation.project, topic), {})[installation.key] = installation
        return True

    def unsubscribe(self, installation: Installation, topic: str) -> bool:
        """False if it was not subscribed."""
        had = topic in installation.topics
        installation.topics -= {topic}
        self.subscribers.get((installation.project, topic), {}).pop(installation.key, None)
        return had

    def get_token(self, fid: str, token: str, now: float) -> Installation:
        """The app on a FID installation asks for a token: from then on the FID is no longer registered (F18)."""
        changes = {"token": token, "fid_state": "unregistered", "state": "active"}
        return self.put(self.by_fid[fid].model_copy(update=changes), now)

    def clear(self) -> None:
        self.by_token.clear()
        self.by_fid.clear()
        self.subscribers.clear()


def well_formed(kind: str, name: str) -> bool:
    """Whether a token or FID that nobody registered looks like one that Google gave out."""
    return (FID_SHAPE if kind == "fid" else TOKEN_SHAPE).fullmatch(name) is not None
