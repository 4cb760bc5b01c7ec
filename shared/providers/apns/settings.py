"""What an APNs variant needs: where its app runs, its topic, and a signing key or a push certificate."""

import hashlib
from datetime import datetime
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from shared.providers.address import HttpsUrl
from shared.providers.apns.certificate import ClientCertificate, client_certificate, signing_key
from shared.providers.apns.topics import TOPIC
from shared.providers.contract import VariantSettings

TenCharacters = Annotated[str, Field(pattern=r"^[A-Z0-9]{10}$")]


class ApnsSettings(VariantSettings):
    """One app in one of Apple's two environments; give key, key_id and team_id, or certificate (and password)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    SECRETS: ClassVar[frozenset[str]] = frozenset({"key", "certificate", "password"})

    environment: Literal["sandbox", "production"] = Field(
        description="`sandbox` for builds run from Xcode; TestFlight and the App Store are `production`"
    )
    topic: Annotated[str, Field(pattern=TOPIC)] = Field(description="the app's bundle id")
    key: str | None = Field(default=None, repr=False, description="the text of the .p8 file")
    key_id: TenCharacters | None = Field(default=None, description="the key's id, 10 characters")
    team_id: TenCharacters | None = Field(default=None, description="the developer team's id, 10 characters")
    password: str | None = Field(
        default=None, repr=False, exclude=True, description="opens the certificate's key; not kept, as it is kept open"
    )
    certificate: str | None = Field(
        default=None, repr=False, description="certificate and private key as PEM text, or a .p12 file in base64"
    )

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, value: str | None) -> str | None:
        if value is not None:
            signing_key(value)
        return value

    @field_validator("certificate")
    @classmethod
    def _is_a_certificate(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        found = client_certificate(value, info.data.get("password"))
        environment, topic = info.data.get("environment"), info.data.get("topic")
        if environment and found.environments and environment not in found.environments:
            message = f"the certificate is for {' and '.join(sorted(found.environments))} only"
            raise ValueError(message)
        if topic and not found.serves(topic):
            message = f"the certificate is for another topic{f', {found.uid}' if found.uid else ''}"
            raise ValueError(message)
        return found.pem

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> Self:
        token = [name for name in ("key", "key_id", "team_id") if getattr(self, name) is not None]
        if self.certificate is not None and token:
            message = f"give a key or a certificate, not certificate and {', '.join(token)}"
            raise ValueError(message)
        if self.certificate is None and len(token) < 3:  # noqa: PLR2004  # key, key_id, team_id
            message = "give key, key_id and team_id, or certificate"
            raise ValueError(message)
        return self

    @property
    def by_token(self) -> bool:
        """Whether it authenticates with signed tokens."""
        return self.certificate is None

    @property
    def not_after(self) -> datetime | None:
        """When the certificate runs out; keys do not."""
        return None if (found := self.client_certificate) is None else found.not_after

    @cached_property
    def client_certificate(self) -> ClientCertificate | None:
        """The certificate with its key, opened."""
        return None if self.certificate is None else client_certificate(self.certificate, None)

    @cached_property
    def identity(self) -> str:
        """Who is authenticated. It holds the key's hash, so that knowing another's ids opens nothing of theirs."""
        found = self.client_certificate
        if found is not None:
            return f"certificate:{found.fingerprint[:32]}"
        digest = hashlib.sha256((self.key or "").strip().encode()).hexdigest()[:32]
        return f"{self.team_id}.{self.key_id}.{digest}"


class ApnsEndpoints(BaseModel):
    """Apple's hosts; port 2197 serves as well where only it is open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    apns_production_url: HttpsUrl = Field(default="https://api.push.apple.com:443", description="APNs, production")
    apns_sandbox_url: HttpsUrl = Field(default="https://api.sandbox.push.apple.com:443", description="APNs, sandbox")
