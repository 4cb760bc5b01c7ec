"""JSON schemas of models that travel, with each provider's raw block in its place in the message."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.flow.answer import CommandAnswer, CommandAnswers
from shared.flow.estimate import EstimateCommand
from shared.flow.event import Events
from shared.flow.message import Message
from shared.flow.model import Travelling
from shared.flow.preview import PreviewCommand
from shared.flow.send import Command, OrderCommand, ReplaceCommand
from shared.providers.registry import platforms, provider

Schema = dict[str, Any]
Wanted = tuple[type[BaseModel], JsonSchemaMode]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MOST_COMMANDS: Final = 1000


class CommandBundle(Travelling):
    """Several commands of one app in one message; each is decided by itself."""

    v: Literal[1] = 1
    commands: Annotated[
        tuple[Command | OrderCommand | ReplaceCommand | EstimateCommand | PreviewCommand, ...],
        Field(min_length=1, max_length=MOST_COMMANDS),
    ]


COMMAND: Final[tuple[Wanted, ...]] = (
    (Command, "validation"),
    (CommandBundle, "validation"),
    (OrderCommand, "validation"),
    (ReplaceCommand, "validation"),
    (EstimateCommand, "validation"),
    (PreviewCommand, "validation"),
)
ANSWER: Final[tuple[Wanted, ...]] = ((CommandAnswer, "serialization"), (CommandAnswers, "serialization"))
EVENT: Final[tuple[Wanted, ...]] = ((Events, "serialization"),)
MESSAGES: Final = {"command": COMMAND, "answer": ANSWER, "event": EVENT}
"""What travels between a backend and Carillon over AMQP; a message is one of the models."""


def schemas_of(wanted: Iterable[Wanted], template: str) -> tuple[dict[Wanted, Schema], dict[str, Schema]]:
    """A reference to each model's schema, and all schemas by name; `template` makes a reference of `{model}`."""
    blocks: list[Wanted] = [(provider(platform).Block, "validation") for platform in platforms()]
    wanted = [*wanted, *blocks]
    refs, found = models_json_schema(list(dict.fromkeys(wanted)), ref_template=template)
    known: dict[str, Schema] = found["$defs"]
    if Message.__name__ in known:
        _place_raw_blocks(
            known[Message.__name__], {name: refs[block] for name, block in zip(platforms(), blocks, strict=True)}
        )
    return {one: dict(refs[one]) for one in wanted}, known


def message_schema(name: str) -> Schema:
    """One of `MESSAGES` as a JSON Schema document of its own."""
    models = MESSAGES[name]
    refs, known = schemas_of(models, "#/$defs/{model}")
    choice: Schema = {"oneOf": [refs[model] for model in models]} if len(models) > 1 else refs[models[0]]
    return {"$schema": DIALECT, "title": f"Carillon: {name}", **choice, "$defs": _used(choice, known)}


def _place_raw_blocks(message: Schema, blocks: dict[str, Schema]) -> None:
    """A raw block is a field named like its platform; nothing else is unknown."""
    for platform, block in blocks.items():
        message["properties"][platform] = {**block, "description": f"raw block for {platform}; wins over the rest"}
    message["additionalProperties"] = False


def _used(start: Schema, known: dict[str, Schema]) -> dict[str, Schema]:
    """The schemas that `start` leads to."""
    used: dict[str, Schema] = {}
    waiting = list(_names(start))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = known[name]
            waiting += _names(known[name])
    return dict(sorted(used.items()))


def _names(node: object) -> Iterable[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)
