"""Moments as the store keeps them."""

from datetime import UTC, datetime


def whole_milliseconds(moment: datetime) -> datetime:
    """In UTC, without what is finer than a millisecond, so that what was answered is what is read later."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
