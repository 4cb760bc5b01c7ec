"""Days and moments that stay within the calendar whatever zone or day is added to them."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

Moment = Annotated[AwareDatetime, Field(ge=datetime(1, 1, 2, tzinfo=UTC), lt=datetime(9999, 12, 30, tzinfo=UTC))]
Day = Annotated[date, Field(ge=date(1970, 1, 1), lt=date(9999, 1, 1))]
