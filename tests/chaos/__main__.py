"""`python -m tests.chaos`: runs cases, prints the table, writes build/chaos.json; exits with 1 if a bar is missed."""

import argparse
import sys
from pathlib import Path
from typing import Final

from services.cli.local.places import BUILD
from tests.chaos import table
from tests.chaos.case import Case, Outcome
from tests.chaos.catalogue import CASES, SHORT
from tests.chaos.playing import play
from tests.chaos.running import Run

FULL_DEVICES: Final = 50_000
SHORT_DEVICES: Final = 2_000


def main() -> int:
    asked = _arguments()
    if asked.list:
        say("\n".join(f"{case.name:<28}{case.does}" for case in CASES))
        return 0
    devices = asked.devices or (SHORT_DEVICES if asked.short else FULL_DEVICES)
    of = Run(asked.folder.absolute(), devices, asked.seed, asked.short)
    say(f"seed {of.seed}, {of.devices:,} devices a case\n{table.HEAD}")
    outcomes: dict[str, Outcome] = {}

    def keep(name: str, outcome: Outcome) -> None:
        outcomes[name] = outcome
        table.write(asked.output, outcomes)  # a run that is interrupted has what it had
        say(table.line(name, outcome))

    play(_chosen(asked), of, keep)
    missed = [name for name, outcome in outcomes.items() if not outcome.good]
    say(f"{len(outcomes) - len(missed)} of {len(outcomes)} cases hold")
    if missed:
        say(f"not: {', '.join(missed)}")
    if len(outcomes) == len(CASES):
        say(f"metrics that never moved: {', '.join(table.unmoved(outcomes.values())) or 'none'}")
    return int(bool(missed))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _chosen(asked: argparse.Namespace) -> list[Case]:
    names = asked.case or (SHORT if asked.short else [case.name for case in CASES])
    known = {case.name: case for case in CASES}
    if strange := [name for name in names if name not in known]:
        sys.exit(f"no such case: {', '.join(strange)}; --list shows them")
    return [known[name] for name in names]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="few cases and few devices, as in `make test`")
    parser.add_argument("--case", nargs="+", action="extend", metavar="NAME", help="only these")
    parser.add_argument("--seed", type=int, default=1, help="draws the moments (default 1)")
    parser.add_argument("--devices", type=int, help=f"a case (default {FULL_DEVICES:,}, short {SHORT_DEVICES:,})")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("--output", type=Path, default=BUILD / "chaos.json", help="where the results go")
    parser.add_argument("--folder", type=Path, default=BUILD / "chaos", help="where logs of a failed case stay")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
