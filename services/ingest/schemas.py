"""The JSON schemas of all that goes in and out, with each provider's settings and raw block in their place."""

from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.ingest.dialect import OWN, Dialect
from shared.contract.schemas import Schema, Wanted, schemas_of
from shared.flow.message import Message
from shared.flow.send import SendRequest
from shared.providers.registry import platforms, provider

REF: Final = "#/components/schemas/{model}"


class Schemas:
    """Every schema by name, and how to refer to one. Pure: made from the models alone."""

    def __init__(self, doors: Sequence[Dialect]) -> None:
        wanted = _wanted(OWN) + [(provider(platform).Settings, "validation") for platform in platforms()]
        wanted.append((Message, "validation"))
        self._refs, self.all = schemas_of(wanted, REF)
        self._place_settings()
        self._place_sends()
        for door in doors:
            self._add(door)

    def _add(self, door: Dialect) -> None:
        """The schemas of a door of others go by the door's name: others call things as we do, and mean others."""
        template = REF.replace("{model}", f"{door.prefix}{{model}}")
        wanted = _wanted(door)
        refs, found = models_json_schema(list(dict.fromkeys(wanted)), ref_template=template)
        self._refs |= {one: dict(refs[one]) for one in wanted}
        self.all |= {door.prefix + name: schema for name, schema in found["$defs"].items()}

    def ref(self, model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
        """A reference to the schema of a model."""
        return dict(self._refs[model, mode])

    def of(self, model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
        """The schema of a model itself."""
        return self.all[self.ref(model, mode)["$ref"].rpartition("/")[2]]

    def _place_sends(self) -> None:
        """A batch is read member by member, so that what is wrong with one stops none of the others."""
        self.all["Batch"]["properties"]["sends"]["items"] = self.ref(SendRequest, "validation")

    def _place_settings(self) -> None:
        settings = {platform: self.ref(provider(platform).Settings, "validation") for platform in platforms()}
        new, change = self.all["NewVariant"], self.all["VariantChange"]
        change["properties"]["settings"] = {"anyOf": list(settings.values()), "description": "those of the platform"}
        new["properties"]["platform"] = {"enum": list(settings)}
        new["oneOf"] = [
            {"properties": {"platform": {"const": platform}, "settings": ref}} for platform, ref in settings.items()
        ]


def _wanted(dialect: Dialect) -> list[Wanted]:
    """All that goes in and out at a door."""
    wanted: list[Wanted] = [(dialect.refusal, "serialization")]
    for endpoint in dialect.endpoints:
        taken = (endpoint.request, endpoint.query, endpoint.lines, endpoint.gives_lines)
        wanted += [(one, "validation") for one in taken if one]
        wanted += [(one, "serialization") for one in endpoint.replies.values() if one]
    return wanted
