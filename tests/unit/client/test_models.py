"""The client's answers are the API's, field by field; what is newer is passed over, however deep it stands."""

import inspect
from typing import Any

import pytest
from pydantic import BaseModel

from services.client import AsyncClient, AsyncCommands, Client, Commands, models, outcome_models
from services.client.ask import reader
from services.ingest import batch, compared, devices, explaining, receipts, sends, templates

SAME: list[tuple[type[BaseModel], type[BaseModel]]] = [
    (models.Accepted, sends.SendAccepted),
    (models.Valid, sends.SendValid),
    (models.Line, sends.SendLine),
    (models.Status, sends.SendView),
    (models.Sends, sends.SendList),
    (models.Device, devices.DeviceRegistered),
    (models.TemplateLine, templates.TemplateLine),
    (models.Templates, templates.TemplateList),
    (outcome_models.Template, templates.TemplateView),
    (outcome_models.Compared, compared.Compared),
    (outcome_models.Comparison, compared.Comparison),
    (outcome_models.Receipts, receipts.ReceiptPage),
    (outcome_models.Interaction, explaining.Interaction),
    (outcome_models.Story, explaining.Explanation),
    (outcome_models.History, receipts.History),
]


@pytest.mark.parametrize(("ours", "theirs"), SAME)
def test_a_model_of_the_client_has_every_field_of_the_apis(ours: type[BaseModel], theirs: type[BaseModel]) -> None:
    assert set(ours.model_fields) == set(theirs.model_fields)


def test_the_outcome_of_one_of_a_batch_says_all_that_the_api_does() -> None:
    assert set(batch.Outcome.model_fields) == {"status", "send", "problem"}
    assert set(models.Outcome.model_fields) == {"status", "send", "valid", "problems", "detail"}


def test_fields_of_a_newer_server_are_passed_over_however_deep() -> None:
    variant = {"variant": "v1", "platform": "apns", "planned": 2, "newer": 1}
    report = {"state": "running", "total": {"planned": 2, "newer": 1}, "variants": [variant], "newer": 1}
    told: dict[str, Any] = {
        "id": "0123456789", "state": "running", "lane": "now", "accepted_at": "2030-01-01T00:00:00Z",
        "deadline": "2030-01-02T00:00:00Z", "report": report, "newer": 1,
    }  # fmt: skip
    read = reader(models.Status)(told)
    assert (read.report.total.planned, read.report.variants[0].planned) == (2, 2)


def test_a_templates_block_for_one_platform_is_part_of_what_it_says() -> None:
    message = {"title": "Ding", "apns": {"aps": {"badge": 3}}}
    told = {"name": "a", "version": 1, "created_at": "2030-01-01T00:00:00Z", "message": message, "newer": 1}
    read = outcome_models.Template.model_validate(told).message
    assert read.model_dump(exclude_unset=True) == message


@pytest.mark.parametrize(("waiting", "blocking"), [(AsyncClient, Client), (AsyncCommands, Commands)])
def test_what_is_without_await_takes_the_same(waiting: type, blocking: type) -> None:
    names = {name for name in dir(waiting) if not name.startswith("_")}
    assert names == {name for name in dir(blocking) if not name.startswith("_")}
    for name in names:
        one, other = (inspect.signature(getattr(kind, name)).parameters for kind in (waiting, blocking))
        ours = {key: (each.kind, str(each.annotation), each.default) for key, each in other.items() if key != "within"}
        assert ours == {key: (each.kind, str(each.annotation), each.default) for key, each in one.items()}, name


def test_the_doors_take_the_same_where_both_have_it() -> None:
    """But for what names a send, and its key: over AMQP they are one."""
    for name in ("validate", "estimate", "preview", "cancel", "pause", "resume"):
        over_http, over_amqp = (inspect.signature(getattr(kind, name)).parameters for kind in (Client, Commands))
        assert over_http == over_amqp, name
