"""Settings: what is wrong stops the start, by the variable's name and without its value."""

from pathlib import Path

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator

from shared.runtime.settings import Common, Settings, SettingsError, help_text, read


class Example(Common):
    rate: int = Field(default=5, ge=1, description="per second")
    names: tuple[str, ...] = Field(default=(), description="several")
    pepper: SecretStr = Field(default=SecretStr("default-pepper"), description="a secret")
    signing: str = Field(default="", repr=False, description="another")

    @field_validator("signing")
    @classmethod
    def _careless(cls, value: str) -> str:
        if value.startswith("bad"):
            raise ValueError(f"{value} is bad")
        return value


class Endpoints(BaseModel):
    apns_production_url: str = Field(default="https://api.push.apple.com", description="where APNs is")


class Demanding(Settings):
    needed: str = Field(description="no default")


def test_nothing_set_gives_the_defaults() -> None:
    settings = read(Example, {"PATH": "/bin", "OTHER": "x"})
    assert (settings.rate, settings.time_scale, settings.log_level) == (5, 1, "info")


def test_variables_are_read_by_the_names_of_fields_and_empty_ones_are_not_set() -> None:
    environ = {
        "CARILLON_RATE": "7",
        "CARILLON_KEYRING_FILE": "/etc/keys",
        "CARILLON_TIME_SCALE": "60",
        "CARILLON_NAMES": "a, b,",
        "CARILLON_DATABASE": "",
    }
    settings = read(Example, environ)
    assert (settings.rate, settings.keyring_file, settings.time_scale) == (7, Path("/etc/keys"), 60)
    assert (settings.names, settings.database) == (("a", "b"), "carillon")


def test_an_unknown_variable_under_our_prefix_stops_the_start_and_is_told_its_neighbour() -> None:
    with pytest.raises(SettingsError, match=r"CARILLON_RTAE.*CARILLON_RATE"):
        read(Example, {"CARILLON_RTAE": "7"})


def test_every_wrong_variable_is_named_at_once() -> None:
    environ = {"CARILLON_RATE": "0", "CARILLON_HTTP_PORT": "many", "CARILLON_TIME_SCALE": "-1"}
    with pytest.raises(SettingsError) as caught:
        read(Example, environ)
    assert all(name in str(caught.value) for name in environ)


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="CARILLON_NEEDED: Field required"):
        read(Demanding, {})


def test_no_value_is_ever_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        read(Example, {"CARILLON_SIGNING": "bad-s3cret", "CARILLON_RATE": "s3cret"})
    assert "s3cret" not in str(caught.value)
    settings = read(Example, {"CARILLON_AMQP_URL": "amqp://u:s3cret@h/", "CARILLON_PEPPER": "s3cret"})
    assert "s3cret" not in repr(settings)


def test_extra_models_are_read_beside_and_their_variables_are_known() -> None:
    environ = {"CARILLON_APNS_PRODUCTION_URL": "https://127.0.0.1:1", "CARILLON_RATE": "2"}
    settings, (endpoints,) = read(Example, environ, extra=[Endpoints])
    assert (settings.rate, endpoints.apns_production_url) == (2, "https://127.0.0.1:1")
    with pytest.raises(SettingsError, match="CARILLON_APNS_PRODUCTION_URL"):
        read(Example, environ)


def test_help_names_every_variable_with_default_and_meaning_but_no_secret() -> None:
    text = help_text(Example, Endpoints)
    fields = [*Example.model_fields, *Endpoints.model_fields]
    assert len(text.splitlines()) == len(fields)
    assert "CARILLON_RATE" in text
    assert "per second" in text
    assert "default-pepper" not in text


@pytest.mark.parametrize("model", [Common])
def test_every_field_says_what_it_is_for(model: type[BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())
