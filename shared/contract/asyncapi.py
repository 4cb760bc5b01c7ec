"""The AsyncAPI 3.0 document of the AMQP door, made from the models and the names on the bus; pure."""

from typing import Any, Final

from shared.bus.topology import EXTERNAL, FEEDBACK, SENDS, TENANTS
from shared.contract.schemas import ANSWER, COMMAND, EVENT, Schema, Wanted, schemas_of
from shared.runtime.version import VERSION

REF: Final = "#/components/schemas/{model}"
TAKEN: Final = ("command", "commandBundle", "order", "replacement", "estimate", "preview")
SIGNATURE: Final[Schema] = {
    "type": "object",
    "required": ["carillon-signature"],
    "properties": {
        "carillon-signature": {
            "type": "string",
            "pattern": "^[0-9a-fA-F]{64}$",
            "description": "HMAC-SHA256 of the message's body, keyed with the app secret, in hexadecimal digits. Not "
            "needed where the operator gives each app a broker user of its own: then the property `user-id` speaks.",
        },
        "traceparent": {"type": "string", "description": "W3C Trace Context: the span that publishes, if any."},
        "tracestate": {"type": "string", "description": "W3C Trace Context, beside `traceparent`."},
    },
}

TRACE: Final[Schema] = {
    "type": "object",
    "properties": {
        "traceparent": {
            "type": "string",
            "description": "W3C Trace Context, if the send is sampled: all events of the message are of that send.",
        },
        "tracestate": {"type": "string", "description": "W3C Trace Context, beside `traceparent`."},
    },
}


def document() -> Schema:
    """The whole document."""
    refs, schemas = schemas_of([*COMMAND, *ANSWER, *EVENT], REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Carillon",
            "version": VERSION,
            "description": "Say once what to tell whom; Carillon answers for what became of each notification.",
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _broker()},
        "channels": {"commands": _commands(), "answers": _answers(), "feedback": _feedback()},
        "operations": _operations(),
        "components": {
            "messages": {
                "command": _message("A send to be made", COMMAND[0], refs, SIGNATURE),
                "commandBundle": _message("Up to 1,000 sends to be made", COMMAND[1], refs, SIGNATURE),
                "order": _message("A send to be paused, resumed or called off", COMMAND[2], refs, SIGNATURE),
                "replacement": _message("What a scheduled send is to be instead", COMMAND[3], refs, SIGNATURE),
                "estimate": _message("Asks how many devices an audience has", COMMAND[4], refs, SIGNATURE),
                "preview": _message("Asks what a device would get of a message", COMMAND[5], refs, SIGNATURE),
                "answer": _message("What became of a command", ANSWER[0], refs),
                "answerBundle": _message("What became of each command of a bundle", ANSWER[1], refs),
                "events": _message("What became of chunks and sends", EVENT[0], refs, TRACE),
            },
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"brokerUser": {"type": "userPassword", "description": "a user of the broker"}},
        },
    }


def _broker() -> Schema:
    return {
        "host": "{host}",
        "protocol": "amqp",
        "protocolVersion": "0.9.1",
        "description": "the operator's RabbitMQ; amqps where it is reached from elsewhere",
        "variables": {"host": {"description": "name and port of the broker", "default": "localhost:5672"}},
        "security": [{"$ref": "#/components/securitySchemes/brokerUser"}],
    }


def _exchange(name: str) -> Schema:
    exchange = {"name": name, "type": "topic", "durable": True, "autoDelete": False}
    return {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}}


def _commands() -> Schema:
    return {
        "address": "{app}",
        "description": f"Backends publish to the exchange `{SENDS}`, mandatory and with confirms. A command whose "
        "bytes cannot be read, or whose signature does not hold, goes to the dead letters; any other is answered.",
        "parameters": {"app": {"description": "the app's id; any routing key will do, the body counts"}},
        "messages": _messages(*TAKEN),
        "bindings": _exchange(SENDS),
    }


def _answers() -> Schema:
    return {
        "address": None,
        "description": f"The property `reply_to` of the command: `amq.rabbitmq.reply-to`, or a queue of the app's own, "
        f"`{EXTERNAL}<app>.<name>`. The correlation id is the command's.",
        "messages": _messages("answer", "answerBundle"),
    }


def _feedback() -> Schema:
    limits = TENANTS.definition
    return {
        "address": "{app}.{kind}",
        "description": f"The exchange `{FEEDBACK}`. A backend binds queues of its own, named `{EXTERNAL}<app>.<name>`; "
        f"each keeps at most {limits['max-length']:,} messages, the oldest go first.",
        "parameters": {
            "app": {"description": "the app's id"},
            "kind": {"description": "what the events are of", "enum": ["chunk", "send"]},
        },
        "messages": _messages("events"),
        "bindings": _exchange(FEEDBACK),
    }


def _operations() -> Schema:
    return {
        "takeCommand": {
            "action": "receive",
            "summary": "Makes a send, orders about one, or answers; a command that comes twice is one send",
            "channel": {"$ref": "#/channels/commands"},
            "messages": _of("commands", *TAKEN),
            "reply": {
                "address": {"location": "$message.header#/reply_to", "description": "no answer without it"},
                "channel": {"$ref": "#/channels/answers"},
                "messages": _of("answers", "answer", "answerBundle"),
            },
        },
        "tellResults": {
            "action": "send",
            "summary": "Tells of every chunk that was worked, and of the end of every send, rejected ones too",
            "channel": {"$ref": "#/channels/feedback"},
            "messages": _of("feedback", "events"),
        },
    }


def _message(title: str, model: Wanted, refs: dict[Wanted, Schema], headers: Schema | None = None) -> Schema:
    message: dict[str, Any] = {"title": title, "contentType": "application/json", "payload": refs[model]}
    return message if headers is None else message | {"headers": headers}


def _messages(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _of(channel: str, *names: str) -> list[Schema]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]
