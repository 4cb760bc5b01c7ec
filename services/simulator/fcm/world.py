"""Everything the simulated Firebase knows, in one place, so that an endpoint takes one argument."""

from dataclasses import dataclass, field

from services.simulator.dial import Dial, Scripts
from services.simulator.fcm.access_token import AccessTokens
from services.simulator.fcm.devices import Devices
from services.simulator.fcm.installation import Registry
from services.simulator.fcm.knobs import FcmKnobs
from services.simulator.fcm.project import Directory
from services.simulator.fcm.quota import Quotas
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger


@dataclass(slots=True)
class World:
    """Lives as long as the simulator; `forget` empties it."""

    dial: Dial[FcmKnobs]
    clock: Clock
    ledger: Ledger
    directory: Directory = field(default_factory=Directory)
    tokens: AccessTokens = field(default_factory=AccessTokens)
    registry: Registry = field(default_factory=Registry)
    scripts: Scripts = field(default_factory=Scripts)
    quotas: Quotas = field(default_factory=Quotas)
    devices: Devices = field(init=False)

    def __post_init__(self) -> None:
        self.devices = Devices(self.ledger)

    @property
    def knobs(self) -> FcmKnobs:
        return self.dial.now

    def now(self) -> float:
        """Simulated seconds since the epoch."""
        return self.clock.now().timestamp()

    def catch_up(self) -> None:
        """Lets happen what fell due: fan-outs, expiries, throttled deliveries. The knobs reach their buckets here."""
        knobs = self.knobs
        self.quotas.seed, self.quotas.project_limit = knobs.seed, knobs.project_per_minute
        self.quotas.device_minute, self.quotas.device_hour = knobs.device_per_minute, knobs.device_per_hour
        self.devices.fan_outs.limit, self.devices.fan_outs.per_second = knobs.fanout_concurrent, knobs.fanout_per_second
        self.devices.catch_up(self.now())

    def forget(self) -> None:
        self.directory.clear()
        self.tokens.revoke()
        self.registry.clear()
        self.scripts.clear()
        self.quotas.clear()
        self.devices.clear()
