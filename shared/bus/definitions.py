"""The topology as RabbitMQ's definitions file, with the users, rights and policy that a production broker gets.

`python -m shared.bus.definitions > deploy/rabbitmq/definitions.json` after a platform or queue is added.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.bus.topology import TENANTS, Queue, topology
from shared.providers.registry import platforms

VHOST: Final = "carillon"
NOTHING: Final = "^$"


@dataclass(frozen=True, slots=True)
class Account:
    """What the broker lets a service do, or who looks after dead letters: regular expressions over names of queues and
    exchanges.

    `amq.default` is the exchange that leads to the queue named by the key. Nobody declares anything but the planner's
    own listening queues, so a compromised service cannot make or delete a queue.
    """

    service: str
    configure: str
    write: str
    read: str


ACCOUNTS: Final = (
    Account("ingest", NOTHING, r"^amq\.default$", NOTHING),
    Account(
        "planner",
        r"^listen\.",
        r"^(amq\.default|results|dead|listen\..*)$",
        r"^(commands|drops|sends\.(now|bulk)|results|listen\..*)$",
    ),
    Account("delivery", NOTHING, r"^(amq\.default|results|dead)$", r"^slices\."),
    Account("reporter", NOTHING, r"^(amq\.default|feedback|dead)$", r"^(results\.(now|bulk)|dead-letters)$"),
    Account("operator", NOTHING, r"^amq\.default$", r"^dead-letters$"),
)


def definitions(names: Iterable[str]) -> dict[str, Any]:
    """Without any password: a user cannot log in until the operator gives one (`rabbitmqctl change_password`)."""
    wanted = topology(names)
    return {
        "vhosts": [{"name": VHOST}],
        "users": [{"name": _user(a), "password_hash": "", "tags": ""} for a in ACCOUNTS],
        "permissions": [
            {"user": _user(a), "vhost": VHOST, "configure": a.configure, "write": a.write, "read": a.read}
            for a in ACCOUNTS
        ],
        "policies": [
            {
                "vhost": VHOST,
                "name": TENANTS.name,
                "pattern": TENANTS.pattern,
                "apply-to": "queues",
                "priority": 0,
                "definition": dict(TENANTS.definition),
            }
        ],
        "exchanges": [
            _lasting(one.name) | {"type": one.kind, "internal": False, "arguments": {}} for one in wanted.exchanges
        ],
        "queues": [_lasting(queue.name) | {"arguments": dict(queue.arguments)} for queue in wanted.queues],
        "bindings": [_binding(queue, *binding) for queue in wanted.queues for binding in queue.bindings],
    }


def _user(account: Account) -> str:
    return f"carillon-{account.service}"


def _lasting(name: str) -> dict[str, Any]:
    return {"name": name, "vhost": VHOST, "durable": True, "auto_delete": False}


def _binding(queue: Queue, exchange: str, key: str) -> Mapping[str, Any]:
    return {
        "source": exchange,
        "vhost": VHOST,
        "destination": queue.name,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(definitions(platforms()), indent=1) + "\n")
