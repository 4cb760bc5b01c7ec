"""What an FCM variant needs: a service account of its Firebase project, of which every URL is ignored."""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.providers.address import HttpsUrl
from shared.providers.contract import VariantSettings
from shared.providers.fcm.assertion import key_unfit


def _is_a_key(value: str) -> str:
    unfit = key_unfit(value)
    if unfit is not None:
        raise ValueError(unfit)
    return value


def _object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        message = "not JSON"
        raise ValueError(message) from None


class ServiceAccount(BaseModel):
    """What is kept of the file. Its URLs (`token_uri` and others) would let a tenant choose where secrets go."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    type: Literal["service_account"]
    project_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]{2,98}[a-z0-9]$")]
    client_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=320)]
    private_key: Annotated[str, AfterValidator(_is_a_key)] = Field(repr=False)
    private_key_id: Annotated[str, Field(max_length=256)] | None = None


class FcmSettings(VariantSettings):
    """One Firebase project."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    SECRETS: ClassVar[frozenset[str]] = frozenset({"service_account"})

    service_account: Annotated[ServiceAccount, BeforeValidator(_object)] = Field(
        repr=False, description="the service account's key file, as an object or as text"
    )

    @property
    def project_id(self) -> str:
        """The project whose devices are reached."""
        return self.service_account.project_id

    @cached_property
    def identity(self) -> str:
        """Who is authenticated. It holds the key's hash, so that knowing another's ids opens nothing of theirs."""
        account = self.service_account
        digest = hashlib.sha256(account.private_key.strip().encode()).hexdigest()[:32]
        return f"{account.project_id}.{account.client_email}.{digest}"


class FcmEndpoints(BaseModel):
    """Google's addresses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fcm_url: HttpsUrl = Field(default="https://fcm.googleapis.com:443", description="FCM, HTTP v1")
    fcm_token_url: HttpsUrl = Field(
        default="https://oauth2.googleapis.com/token", description="where Google gives access tokens"
    )
