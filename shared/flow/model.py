"""The pydantic base of everything that travels: frozen, and unknown fields are refused by name."""

from pydantic import BaseModel, ConfigDict


class Travelling(BaseModel):
    """A value that crosses a process boundary: immutable, strict about field names, versioned by its `v` field."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")
