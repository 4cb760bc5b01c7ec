"""Plays one case in the network that this process is in; started by `playing` in a namespace of its own."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from tests.chaos.catalogue import CASES
from tests.chaos.playing import play
from tests.chaos.running import Run


def main() -> None:
    name, folder, answer, devices, seed, short = sys.argv[1:]
    case = next(one for one in CASES if one.name == name)
    run = Run(Path(folder), int(devices), int(seed), bool(int(short)))
    outcomes = play([replace(case, own_network=False)], run, lambda *_: None)
    Path(answer).write_text(json.dumps(asdict(outcomes[name])), "utf-8")


if __name__ == "__main__":
    main()
