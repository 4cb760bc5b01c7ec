"""client: what a backend in Python uses; HTTP and AMQP, each with and without `await`.

composing (pure: what the caller says) ─┬▶ ask, asks (pure: requests, answers) ─▶ asking ─▶ http, blocking ─▶ ingest
                                        └▶ commands (pure: bodies, signatures, answers) ─▶ exchange ─▶ amqp ─▶ `sends`

`AsyncClient` and `Client` speak HTTP, `AsyncCommands` and `Commands` AMQP. What all of them can do has the same name,
takes the same and raises the same: send, send_many, validate, estimate, preview, cancel, pause, resume, replace.
"""

from services.client.amqp import AsyncCommands
from services.client.amqp_blocking import Commands
from services.client.ask import Ask
from services.client.blocking import Client
from services.client.composing import Options
from services.client.errors import CarillonError, NoAnswer, Refused, TryLater, Unreachable
from services.client.http import AsyncClient
from services.client.models import Accepted, Device, Line, Outcome, Status, TemplateLine, Valid
from services.client.outcome_models import Compared, History, Story, Template
from shared.flow.action import Action
from shared.flow.answer import CommandAnswer
from shared.flow.audience import Audience, Exclude, Tags
from shared.flow.day import AppReport
from shared.flow.estimate import EstimateView
from shared.flow.filter import Filter
from shared.flow.full_report import FullReport
from shared.flow.lane import Lane
from shared.flow.local_time import LocalTime
from shared.flow.message import Message, Translation
from shared.flow.preview import PreviewView
from shared.flow.report import Report
from shared.flow.send import Duplicates, Problem, ReceiptsKept, SendRequest, TemplateRef
from shared.flow.timing import Canary, Repeat
from shared.flow.whereabouts import Receipt

__all__ = [
    "Accepted",
    "Action",
    "AppReport",
    "Ask",
    "AsyncClient",
    "AsyncCommands",
    "Audience",
    "Canary",
    "CarillonError",
    "Client",
    "CommandAnswer",
    "Commands",
    "Compared",
    "Device",
    "Duplicates",
    "EstimateView",
    "Exclude",
    "Filter",
    "FullReport",
    "History",
    "Lane",
    "Line",
    "LocalTime",
    "Message",
    "NoAnswer",
    "Options",
    "Outcome",
    "PreviewView",
    "Problem",
    "Receipt",
    "ReceiptsKept",
    "Refused",
    "Repeat",
    "Report",
    "SendRequest",
    "Status",
    "Story",
    "Tags",
    "Template",
    "TemplateLine",
    "TemplateRef",
    "Translation",
    "TryLater",
    "Unreachable",
    "Valid",
]
