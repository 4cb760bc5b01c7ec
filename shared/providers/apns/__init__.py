"""Apple Push Notification service: settings, payloads, verdicts and authorization, all pure.

unified message + raw block ──compose──▶ Notification ──rules──▶ problems, at the door
                                              └──────payload──▶ requests, in delivery
"""

from typing import Final

from shared.providers.apns.provider import Apns

PROVIDER: Final = Apns()
