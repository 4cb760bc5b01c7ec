"""Which of the store's errors pass by themselves."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WriteError,
)

from shared.store.errors import is_outage

INTERRUPTED = {"code": 11602, "codeName": "InterruptedDueToReplStateChange", "errmsg": "operation was interrupted"}


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("connection closed"),
        ServerSelectionTimeoutError("no primary"),
        ExecutionTimeout("operation exceeded time limit", 50),
        WriteConcernError("operation was interrupted", 11602, INTERRUPTED),
        WriteConcernError("waiting for replication timed out", 64),
        WriteError("operation was interrupted", 11602, INTERRUPTED),
        OperationFailure("not primary", 10107),
    ],
)
def test_a_store_that_is_away_slow_or_electing_is_asked_again(error: PyMongoError) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        WriteError("document failed validation", 121),
        OperationFailure("not authorized", 13),
        WriteConcernError("no such write concern mode", 79),
    ],
)
def test_what_fails_again_is_no_outage(error: PyMongoError) -> None:
    assert not is_outage(error)
