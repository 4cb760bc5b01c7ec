"""Shows what came out of the rehearsal, and writes it down: both reports and every check."""

from typing import Any, Final

from rich.console import Console

from services.cli.rehearsal.books import Check
from services.cli.rehearsal.performance import CAMPAIGN, PERSONAL, Outcome
from services.cli.report_table import report_table

TITLES: Final = {CAMPAIGN: "The campaign, to everyone", PERSONAL: "The message to one user", "": "Both"}
SHOWN: Final = 10
"""Problems of one check on the screen; the JSON document has all."""


def show(outcome: Outcome, console: Console) -> None:
    for name, status in outcome.sends.items():
        console.print()
        console.print(report_table(f"{TITLES[name]}: {status.state}", status.report))
    console.print("\n[bold]The books: reports against the providers' own logs[/bold]")
    for name, checks in outcome.checks.items():
        console.print(TITLES[name])
        for check in checks:
            _show(check, console)


def document(outcome: Outcome, scale: float) -> dict[str, Any]:
    """For machines: `closed` says whether every book closes."""
    return {
        "closed": outcome.closed,
        "time_scale": scale,
        "sends": {name: status.model_dump(mode="json") for name, status in outcome.sends.items()},
        "checks": [
            {"send": name or None, "name": check.name, "compared": check.compared, "ok": check.ok}
            | {"problems": list(check.problems)}
            for name, checks in outcome.checks.items()
            for check in checks
        ],
    }


def _show(check: Check, console: Console) -> None:
    sign = "[green]✓[/green]" if check.ok else "[red]✗[/red]"
    console.print(f"  {sign} {check.name} [dim]({check.compared})[/dim]", highlight=False, soft_wrap=True)
    for problem in check.problems[:SHOWN]:
        console.print(f"      {problem}", style="red", markup=False, highlight=False)
    if len(check.problems) > SHOWN:
        console.print(f"      and {len(check.problems) - SHOWN:,} more", style="red", highlight=False)
