"""What to ask over HTTP of devices and templates; pure, so that both clients are the same."""

from typing import Final, cast
from urllib.parse import quote

from pydantic_core import to_jsonable_python

from services.client.ask import Ask, Json, nothing, reader
from services.client.composing import body_of, checked
from services.client.models import Device, Templates
from services.client.outcome_models import Template
from shared.flow.message import Message

PAGE: Final = "200"
# A template's message may have blocks by platform, which `reader` would pass over: `Template` is read as it is.


def register(variant: str, token: str, installation: str | None, said: Json, key: str) -> Ask[Device]:
    own = {} if installation is None else {"installation": installation}
    body = {"variant": variant, "token": token, **own, **_plain(said)}
    return Ask("POST", "/v1/devices", reader(Device), body, checked(key))


def change(device: str, token: str | None, said: Json) -> Ask[None]:
    body = _plain(said) | ({} if token is None else {"token": token})
    return Ask("PUT", _device(device), nothing, body)


def remove(device: str) -> Ask[None]:
    return Ask("DELETE", _device(device), nothing)


def store_template(name: str, message: Message, key: str) -> Ask[Template]:
    body = {"name": name, "message": body_of(message)}
    return Ask("POST", "/v1/templates", Template.model_validate, body, checked(key))


def template(name: str, version: int | None) -> Ask[Template]:
    return Ask(
        "GET", _template(name), Template.model_validate, query=None if version is None else {"version": str(version)}
    )


def page_of_templates(after: str | None) -> Ask[Templates]:
    return Ask("GET", "/v1/templates", reader(Templates), query={"limit": PAGE} | ({"after": after} if after else {}))


def remove_template(name: str) -> Ask[None]:
    return Ask("DELETE", _template(name), nothing)


def _plain(said: Json) -> Json:
    """As JSON has it, whatever kind of mapping or sequence it is."""
    return cast("Json", to_jsonable_python(said))


def _device(device: str) -> str:
    return f"/v1/devices/{quote(device, safe='')}"


def _template(name: str) -> str:
    return f"/v1/templates/{quote(name, safe='')}"
