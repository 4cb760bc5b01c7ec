"""AWS SNS: what `aws sns list-endpoints-by-platform-application` prints, one page or several one after another.

    {"Endpoints": [{"EndpointArn": "arn:aws:sns:…:endpoint/APNS/App/…", "Attributes": {"Token", "Enabled",
     "CustomUserData"}}]}

Source: AWS, ListEndpointsByPlatformApplication. The custom user data becomes the user.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO, Final

from services.cli.importing.json_values import values
from services.cli.importing.row import Row, Skipped, Variants, WrongFormatError, device, user

PLATFORMS: Final = {"APNS": "apns", "APNS_SANDBOX": "apns_sandbox", "GCM": "fcm", "FCM": "fcm"}


def read(file: BinaryIO, variants: Variants) -> Iterator[Row]:
    """Every endpoint of every page, or of a list of endpoints. Raises `WrongFormatError`."""
    places = count(1)
    for page in values(file):
        found = page.get("Endpoints", [page] if "EndpointArn" in page else None) if isinstance(page, dict) else None
        if not isinstance(found, list):
            message = "no Endpoints"
            raise WrongFormatError(message)
        for one in found:
            yield _row(next(places), one, variants)


def _row(place: int, found: Any, variants: Variants) -> Row:
    attributes = found.get("Attributes") if isinstance(found, dict) else None
    token = attributes.get("Token") if isinstance(attributes, dict) else None
    if not isinstance(attributes, dict) or not isinstance(token, str) or not token:
        return Skipped(place, "no Token")
    if str(attributes.get("Enabled", "true")).lower() == "false":
        return Skipped(place, "not enabled: SNS was told that the token is dead")
    parts = str(found.get("EndpointArn", "")).rpartition(":")[2].split("/")
    named = parts[1] if len(parts) > 1 else ""
    said = {"token": token, "user": user(attributes.get("CustomUserData"))}
    return device(place, variants, PLATFORMS.get(named, named.lower()), said)
