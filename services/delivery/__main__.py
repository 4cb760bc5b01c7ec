"""`python -m services.delivery`: delivers the slices of one platform."""

import os

from services.delivery.settings import DeliverySettings
from services.delivery.wiring import main
from shared.providers.registry import platforms, provider
from shared.runtime.express import ExpressLoop
from shared.runtime.settings import variable
from shared.runtime.start import start

if __name__ == "__main__":
    asked = os.environ.get(variable("platform"), "")
    chosen = [asked] if asked in platforms() else platforms()
    start(
        "delivery",
        DeliverySettings,
        main,
        about="delivers slices of one platform and records what became of each notification",
        extra=[provider(platform).Endpoints for platform in chosen],
        loop=ExpressLoop,
    )
