"""Firebase Cloud Messaging, HTTP v1: settings, payloads, verdicts and authorization; only the token POST leaves here.

unified message + raw block ──compose──▶ Message ──rules──▶ problems, at the door
                                            └──────payload──▶ requests, in delivery
"""

from typing import Final

from shared.providers.fcm.provider import Fcm

PROVIDER: Final = Fcm()
