"""What an operator sets for ingest."""

from pathlib import Path

from pydantic import Field

from shared.runtime.egress import Egress
from shared.runtime.settings import Common


class IngestSettings(Egress, Common):
    """ingest's own settings beside those of every service."""

    admin_key: str = Field(
        default="", repr=False, description="the operator's key, at least 32 characters; read from the file if empty"
    )
    admin_key_file: Path = Field(
        default=Path("carillon.admin-key"), description="holds the operator's key; made by the first start, mode 0600"
    )
