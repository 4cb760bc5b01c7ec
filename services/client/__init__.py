"""client: what a backend in Python uses; HTTP and AMQP, each with and without `await`.

asks (pure: what to ask, how to read the answer) ──▶ http: AsyncClient; blocking: Client ─▶ ingest
commands (pure: bodies, signatures, answers) ──────▶ amqp: Commands, AsyncCommands       ─▶ the exchange `sends`
"""

from services.client.amqp import AsyncCommands, Commands
from services.client.blocking import Client
from services.client.errors import CarillonError, NoAnswer, Refused, TryLater, Unreachable
from services.client.http import AsyncClient
from services.client.models import Accepted, Outcome, Status
from shared.flow.action import Action
from shared.flow.answer import CommandAnswer
from shared.flow.audience import Audience, Tags
from shared.flow.message import Message
from shared.flow.send import SendRequest, TemplateRef

__all__ = [
    "Accepted",
    "Action",
    "AsyncClient",
    "AsyncCommands",
    "Audience",
    "CarillonError",
    "Client",
    "CommandAnswer",
    "Commands",
    "Message",
    "NoAnswer",
    "Outcome",
    "Refused",
    "SendRequest",
    "Status",
    "Tags",
    "TemplateRef",
    "TryLater",
    "Unreachable",
]
