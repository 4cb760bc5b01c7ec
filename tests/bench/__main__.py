"""`python -m tests.bench`: runs the parts, shows the tables, writes build/bench.json."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console

from services.cli.local.errors import LocalStackError
from tests.bench import bars, capped, growth, importing, latency, outcomes, pipeline, send_path, single
from tests.bench.figures import FILE, Figure, MeasureError, Outcome, Table, draw, markdown, write
from tests.bench.machine import about


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said."""

    only: Sequence[str]
    quick: bool
    devices: int | None
    address: str | None
    ca: Path | None
    transport: str | None
    profile: bool

    @property
    def delivery(self) -> dict[str, str]:
        """Variables for delivery beside the usual ones."""
        return {"TRANSPORT": self.transport} if self.transport else {}


Part = Callable[[Asked], Outcome]


def _send_path(asked: Asked) -> Outcome:
    elsewhere = send_path.Elsewhere(asked.address, asked.ca) if asked.address and asked.ca else None
    return send_path.measure(send_path.QUICK if asked.quick else send_path.FULL, elsewhere)


def _pipeline(asked: Asked) -> Outcome:
    return pipeline.measure(
        asked.devices or (pipeline.QUICK if asked.quick else pipeline.FULL), asked.delivery, profile=asked.profile
    )


def _single(asked: Asked) -> Outcome:
    return single.measure(single.QUICK if asked.quick else single.FULL, asked.delivery)


def _growth(asked: Asked) -> Outcome:
    return growth.measure(growth.QUICK if asked.quick else growth.FULL, asked.delivery)


def _latency(asked: Asked) -> Outcome:
    return latency.measure(latency.QUICK if asked.quick else latency.FULL, asked.delivery)


def _outcomes(asked: Asked) -> Outcome:
    return outcomes.measure(outcomes.QUICK if asked.quick else outcomes.FULL)


def _capped(asked: Asked) -> Outcome:
    return capped.measure(capped.QUICK if asked.quick else capped.FULL)


def _importing(asked: Asked) -> Outcome:
    return importing.measure(importing.QUICK if asked.quick else importing.FULL)


PARTS: Final[dict[str, Part]] = {
    "a": _send_path, "b": _pipeline, "c": _single, "d": _growth, "e": _latency, "g": _capped, "h": _outcomes,
    "i": _importing,
}  # fmt: skip
ALIAS: Final = {"f": "a"}
"""Measured with the other, as it is a ratio to it."""


def main() -> int:
    """0 if everything that was asked for could be measured, whatever the figures are."""
    asked = _asked()
    signal.signal(signal.SIGTERM, _ended)
    console = Console(width=None if sys.stdout.isatty() else 140)
    figures: dict[str, Figure] = {**about(), "quick": asked.quick}
    failed = False
    for name in asked.only:
        console.print(f"[bold]({name})[/bold] …", highlight=False)
        try:
            outcome = PARTS[name](asked)
        except (MeasureError, LocalStackError) as error:
            console.print(f"({name}) could not be measured: {error}", style="red", markup=False)
            failed = True
            continue
        for table in outcome.tables:
            draw(console, table)
        figures |= outcome.figures
        write(figures)
    held = bars.table(figures)
    draw(console, held)
    print(_for_the_readme(figures, held))
    console.print(f"written to {FILE}", highlight=False)
    return int(failed)


def _for_the_readme(figures: dict[str, Figure], held: Table) -> str:
    where = f"{figures['date']}, {figures['processor']}, {figures['cores']} cores, Python {figures['python']}"
    return f"\nMeasured by `make bench` ({where}):\n\n{markdown(held)}\n"


def _ended(number: int, _: object) -> NoReturn:
    """So that every block ends what it started."""
    sys.exit(128 + number)


def _asked() -> Asked:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", type=_parts, default=tuple(PARTS), help="parts, e.g. a,b (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not what it is worth")
    parser.add_argument("--devices", type=int, help="devices of the broadcast in (b); 1,000,000 by default")
    parser.add_argument("--address", type=_here, help="(a) against this HTTP/2 TLS server on loopback, host:port")
    parser.add_argument("--ca", type=Path, help="the certificate to trust at that address, PEM")
    parser.add_argument("--transport", help="what delivery sends through in (b) to (e); its own default if left out")
    parser.add_argument("--profile", action="store_true", help="(b) with py-spy, if it is installed, on delivery")
    asked = Asked(**vars(parser.parse_args()))
    if (asked.address is None) != (asked.ca is None):
        parser.error("--address and --ca go together")
    return asked


def _parts(text: str) -> tuple[str, ...]:
    wanted = {ALIAS.get(one, one) for one in text.split(",") if one}
    unknown = wanted - PARTS.keys()
    if unknown:
        raise argparse.ArgumentTypeError(f"there are parts {', '.join([*PARTS, *ALIAS])}, not {', '.join(unknown)}")
    return tuple(name for name in PARTS if name in wanted)


def _here(text: str) -> str:
    """Load is for this machine only."""
    host, _, port = text.rpartition(":")
    try:
        here = ip_address(host.strip("[]")).is_loopback and port.isdigit()
    except ValueError:
        here = False
    if not here:
        raise argparse.ArgumentTypeError("an address of this machine's loopback, such as 127.0.0.1:8443")
    return text


if __name__ == "__main__":
    sys.exit(main())
