"""What is shown of dead letters: ids, never what a send says or whom it is for."""

import json

import pytest

from services.cli.dead_letters import NothingChosenError, chosen
from services.cli.dead_letters_view import described, listed, names, outline
from services.cli.devices import app_of
from services.cli.errors import NotAddressedError
from shared.bus.dead import DeadLetter

COMMAND = {
    "v": 1, "app": "a1", "id": "send-0001",
    "audience": {"users": ["ada@example.com"], "tokens": {"v1": ["secret-token"]}},
    "message": {"title": "Your code is 4711", "data": {"id": "confidential", "code": 4711, "app": "hidden"}},
}  # fmt: skip
SECRETS = ("4711", "ada@", "secret-token", "confidential", "hidden")


def letter(body: bytes, id_: str = "m1", queue: str = "commands", reason: str = "unsigned") -> DeadLetter:
    return DeadLetter(id_, queue, reason, None, body, {"carillon-signature": "feedbeef", "count": 4711})


def shown(letters: list[DeadLetter]) -> str:
    return "\n".join(listed(letters))


def test_nothing_of_a_command_is_shown_but_its_ids() -> None:
    bundle = {"v": 1, "commands": [COMMAND, COMMAND]}
    for body in (COMMAND, bundle):
        dead = letter(json.dumps(body).encode())
        text = shown([dead]) + described(dead)
        assert not [one for one in SECRETS if one in text]
        assert "a1" in text
        assert "send-0001" in text
        assert "feedbeef" not in text


def test_of_our_own_messages_every_id_is_there() -> None:
    assert names(b'{"v": 1, "slices": [{"id": "a.s.0.0"}, {"id": "a.s.0.1"}]}') == "a.s.0.0 a.s.0.1"
    assert names(b'{"sends": ["a.1", "a.2", "a.3", "a.4", "a.5"]}') == "a.1 a.2 a.3 +2"
    assert names(b'{"small": {"a.1": ["apns"]}}') == "a.1"
    assert outline(b'{"slices": [{"id": "a.s.0.0", "chunks": [3]}]}') == {
        "slices": [{"id": "a.s.0.0", "chunks": ["<int>"]}]
    }


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00garbage", b"[" * 100_000, b"5", b'"text"', b"null", b'{"id": 5}'])
def test_whatever_the_body_is_it_can_be_looked_at(body: bytes) -> None:
    assert "garbage" not in shown([letter(body)])
    assert json.loads(described(letter(body)))["bytes"] == len(body)


def test_they_are_counted_by_queue_and_reason() -> None:
    text = shown(
        [letter(b"{}", "m1"), letter(b"{}", "m2"), letter(b"{}", "m3", queue="sends.now", reason="no SendsDue")]
    )
    assert "2 from commands: unsigned" in text
    assert "1 from sends.now: no SendsDue" in text
    assert "3 in all" in text


def test_ids_reason_and_queue_narrow_each_other() -> None:
    one, two = letter(b"", "abc", "sends.now", "no SendsDue: 3 problems"), letter(b"", "abd")
    assert [chosen(["ab"], None, None)(each) for each in (one, two)] == [True, True]
    assert [chosen(["ab"], "SendsDue", None)(each) for each in (one, two)] == [True, False]
    assert [chosen(None, None, "commands")(each) for each in (one, two)] == [False, True]
    assert [chosen(None, None, None, all_=True)(each) for each in (one, two)] == [True, True]
    with pytest.raises(NothingChosenError):
        chosen(None, None, None)


def test_the_app_is_in_the_secret_or_named() -> None:
    assert app_of(None, "as_a7k2m4_xyz_z") == "a7k2m4"
    assert app_of("other", "the-operators-key") == "other"
    with pytest.raises(NotAddressedError):
        app_of(None, "the-operators-key")
