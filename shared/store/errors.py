"""What the store raises, split by what the catcher must do.

    StoreError
    ├── Missing            the caller's fault: there is no such thing in this app
    ├── Taken              the caller's fault: the name or id is in use
    ├── Lost               somebody else closed it first: drop ours and go on
    └── Unsealable         do not start: the key ring does not hold the key that sealed this

Anything that PyMongo raises means: the store is away or slow; try later.
"""

from typing import Final

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

StoreAway = PyMongoError
"""Try later: what a caller that can wait catches."""


DUPLICATE_KEY: Final = 11000
STATE_CHANGES: Final = frozenset({64, 91, 189, 10107, 11600, 11602, 13435, 13436})
"""A node that shuts down or is no longer the primary, or a majority that was not heard in time (MongoDB, Error codes).
A write that was interrupted while it waited for its majority says so without the label that PyMongo looks for."""


def is_outage(error: PyMongoError) -> bool:
    """Whether trying again may help: the store is away, slow or electing. Anything else fails again."""
    if error.timeout or isinstance(error, ConnectionFailure) or error.has_error_label("RetryableWriteError"):
        return True
    return isinstance(error, OperationFailure) and error.code in STATE_CHANGES


def only_duplicates(error: BulkWriteError) -> bool:
    """Whether an unordered bulk failed only where the documents were there before."""
    details = error.details or {}
    failures = details.get("writeErrors", ())
    return all(one["code"] == DUPLICATE_KEY for one in failures) and not details.get("writeConcernErrors")


class StoreError(Exception):
    """The root of what this package itself raises."""


class Missing(StoreError):  # noqa: N818  # reads as what it is where it is caught
    """There is no such thing in this app."""


class Taken(StoreError):  # noqa: N818  # as above
    """The name or id is in use."""


class Lost(StoreError):  # noqa: N818  # as above
    """Another record holds some of these members; `members` are those that do."""

    def __init__(self, members: set[str]) -> None:
        super().__init__(f"{len(members)} of the record's members are closed already")
        self.members = members


class Unsealable(StoreError):  # noqa: N818  # as above
    """The key ring does not hold the key that sealed this, or the bytes were changed."""


class StoreBusy(PyMongoError):  # noqa: N818  # as above
    """Too many wanted the same thing at once: try later, as when the store is away."""


def never_written(error: PyMongoError) -> bool:
    """Whether a write that failed so certainly had no effect: no server was found to send it to.

    After a first attempt that went out, PyMongo raises that attempt's error, not this one.
    """
    return isinstance(error, ServerSelectionTimeoutError)
