"""Firebase projects and the service accounts that may send for them, as the control port registers them."""

import hashlib
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Platform = Literal["android", "ios", "web"]

MESSAGING = "https://www.googleapis.com/auth/firebase.messaging"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

# Roles that hold the permission cloudmessaging.messages.create.
SENDER = "roles/firebasecloudmessaging.admin"
SENDING_ROLES = frozenset(
    {SENDER, "roles/firebase.admin", "roles/firebase.sdkAdminServiceAgent", "roles/editor", "roles/owner"}
)


class Project(BaseModel):
    """A Firebase project. `number` follows from the id if none is given; both name it in a path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=64)
    number: str = Field(default="", pattern=r"^\d*$")
    api_enabled: bool = Field(default=True, description="false: 403 SERVICE_DISABLED for every send")
    messages_per_minute: int | None = Field(default=None, ge=0, description="quota of its own; else the common knob")
    third_party_auth_error: dict[Platform, str] = Field(
        default_factory=dict,
        description='platform → APNs\' reason ("" for web): sends there get 401 THIRD_PARTY_AUTH_ERROR',
    )

    def model_post_init(self, _context: object) -> None:
        if not self.number:
            digits = int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:5], "big") % 10**11 + 10**11
            object.__setattr__(self, "number", str(digits))


class ServiceAccount(BaseModel):
    """Who may ask for access tokens. A key that is not listed (deleted, rotated) signs in vain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_email: str = Field(min_length=3)
    project: str = Field(description="the id of the project in which the roles are held")
    private_key_id: str = Field(min_length=1)
    public_key: str = Field(description="PEM, of the key that signs the assertions")
    roles: tuple[str, ...] = (SENDER,)
    more_keys: dict[str, str] = Field(default_factory=dict, description="further private_key_id → PEM")

    def key(self, key_id: str | None) -> str | None:
        """The PEM of a key; an assertion without `kid` is checked against the account's first key."""
        if key_id is None or key_id == self.private_key_id:
            return self.public_key
        return self.more_keys.get(key_id)

    def may_send(self) -> bool:
        return not SENDING_ROLES.isdisjoint(self.roles)


class Directory:
    """What is registered. Lives as long as the simulator; changed by the control port alone."""

    def __init__(self) -> None:
        self._projects: dict[str, Project] = {}
        self.accounts: dict[str, ServiceAccount] = {}

    def add_project(self, project: Project) -> None:
        self.remove_project(project.id)
        self._projects[project.id] = self._projects[project.number] = project

    def remove_project(self, name: str) -> None:
        project = self._projects.get(name)
        if project is not None:
            del self._projects[project.id]
            del self._projects[project.number]

    def project(self, id_or_number: str) -> Project | None:
        return self._projects.get(id_or_number)

    def projects(self) -> Iterator[Project]:
        return (project for name, project in self._projects.items() if name == project.id)

    def add_account(self, account: ServiceAccount) -> None:
        """An account of a project that nobody registered brings it along."""
        self.accounts[account.client_email] = account
        if self.project(account.project) is None:
            self.add_project(Project(id=account.project))

    def clear(self) -> None:
        self._projects.clear()
        self.accounts.clear()
