"""The JSON schemas of all that goes in and out, with each provider's settings and raw block in their place."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.ingest.problems import ProblemDocument
from services.ingest.routes import ENDPOINTS
from shared.flow.message import Message
from shared.providers.registry import platforms, provider

Schema = dict[str, Any]
REF: Final = "#/components/schemas/{model}"


class Schemas:
    """Every schema by name, and how to refer to one. Pure: made from the models alone."""

    def __init__(self) -> None:
        wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemDocument, "serialization")]
        for endpoint in ENDPOINTS:
            wanted += [(one, "validation") for one in (endpoint.request, endpoint.query) if one]
            wanted += [(one, "serialization") for one in endpoint.replies.values() if one]
        for platform in platforms():
            wanted += [(provider(platform).Settings, "validation"), (provider(platform).Block, "validation")]
        wanted.append((Message, "validation"))
        self._refs, found = models_json_schema(list(dict.fromkeys(wanted)), ref_template=REF)
        self.all: dict[str, Schema] = found["$defs"]
        self._place_raw_blocks()
        self._place_settings()

    def ref(self, model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
        """A reference to the schema of a model."""
        return dict(self._refs[model, mode])

    def of(self, model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
        """The schema of a model itself."""
        return self.all[self.ref(model, mode)["$ref"].rpartition("/")[2]]

    def _place_raw_blocks(self) -> None:
        message = self.of(Message, "validation")
        for platform in platforms():
            block = self.ref(provider(platform).Block, "validation")
            message["properties"][platform] = {**block, "description": f"raw block for {platform}; wins over the rest"}
        message["additionalProperties"] = False

    def _place_settings(self) -> None:
        settings = {platform: self.ref(provider(platform).Settings, "validation") for platform in platforms()}
        new, change = self.all["NewVariant"], self.all["VariantChange"]
        change["properties"]["settings"] = {"anyOf": list(settings.values()), "description": "those of the platform"}
        new["properties"]["platform"] = {"enum": list(settings)}
        new["oneOf"] = [
            {"properties": {"platform": {"const": platform}, "settings": ref}} for platform, ref in settings.items()
        ]
