"""`make bench`: what the service costs and how fast it is, against sandboxes, with a threshold
beside each figure.

Each measure has a process, a database and a connection of its own, and a sandbox beside it. All of
them are made, one after the other, as often as `--repeat` says, and medians are shown; those that
take minutes are made once. The end is 0 when all thresholds are met, else 1. `--only` makes some
of them, whole families by the first word: `--only pull "limit hubspot"`.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console

from tests.bench import report
from tests.bench.plan import PLAN, ROOT, Described, Planned, Sizes
from tests.bench.portals import Portals
from tests.bench.targets import Row, Verdict, judged


def main() -> int:
    given = _parser().parse_args()
    sizes = Sizes(given.records, given.many, given.tasks, given.requests)
    console = Console()
    # Also where nobody looks at a terminal: a cut number is none.
    console.width = max(console.width, 110)
    found, failed = measured(chosen(given.only), sizes, given.repeat)
    rows = medians(found)
    verdicts = judged({row["name"]: row for row in rows})
    report.show(rows, verdicts, console)
    file = report.keep(rows, verdicts, sizes)
    if sizes != Sizes():
        console.print("The thresholds are for other sizes than these.")
    for line in outcome(verdicts, failed):
        console.print(line)
    console.print(f"The figures are in {file}.", soft_wrap=True)
    return 1 if failed or any(not verdict.met for verdict in verdicts) else 0


def chosen(wanted: Sequence[str]) -> list[Planned]:
    """In the order of the plan. Ends the command for a name that is not in it."""
    names = {planned.name for planned in PLAN}
    families = {name.split()[0] for name in names}
    for name in wanted:
        if name not in names | families:
            raise SystemExit(f"There is no measure {name!r}; there are: {', '.join(sorted(names))}")
    return [one for one in PLAN if not wanted or {one.name, one.name.split()[0]} & set(wanted)]


def measured(plan: Sequence[Planned], sizes: Sizes, repeat: int) -> tuple[list[Row], list[str]]:
    """The figures of all rounds, and the names of measures that could not be made."""
    rows: list[Row] = []
    failed: list[str] = []
    with Portals(sizes) as portals:
        for number in range(1, repeat + 1):
            for planned in plan:
                if planned.name in failed or (planned.once and number > 1):
                    continue
                _say(f"{number}/{repeat} {planned.name}")
                with portals.of(planned) as described:
                    row = _one(planned, described, sizes)
                if row is None:
                    failed.append(planned.name)
                else:
                    rows.append({**row, "once": planned.once})
    return rows, failed


def _one(planned: Planned, described: Described, sizes: Sizes) -> Row | None:
    command = [sys.executable, "-m", "tests.bench.one", planned.name]
    done = subprocess.run(
        [*command, str(sizes.records), str(sizes.tasks)],
        input=json.dumps(described),
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        return None
    row: Row = json.loads(done.stdout)
    return row


def medians(rows: Sequence[Row]) -> list[Row]:
    return [_median(name, rows) for name in dict.fromkeys(row["name"] for row in rows)]


def _median(name: str, rows: Sequence[Row]) -> Row:
    same = [row for row in rows if row["name"] == name]
    numbers = {
        column: None if None in (values := [row[column] for row in same]) else _middle(values)
        for column in same[0]
        if column not in ("name", "once")
    }
    return {"name": name, **numbers, "once": same[0]["once"], "repeats": len(same)}


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def outcome(verdicts: Sequence[Verdict], failed: Sequence[str]) -> list[str]:
    """What is to be done about, and else that all is well."""
    lines = [f"It could not be measured: {name}" for name in failed]
    for verdict in verdicts:
        if not verdict.met:
            target = verdict.target
            least = "at least" if target.at_least else "at most"
            told = f"{verdict.figure:,.3f} {target.words}, {least} {verdict.bound:,.3f} asked for"
            lines.append(f"Missed: {target.measure}: {told}")
    return lines or [f"All {len(verdicts)} thresholds are met."]


def _say(text: str) -> None:
    """Where it stands, for whoever waits."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    sizes = Sizes()
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="The benchmarks; ends with 1 when a threshold is missed.",
    )
    add = parser.add_argument
    add("--records", type=int, default=sizes.records, help="deals of a pull")
    add("--many", type=int, default=sizes.many, help="deals of the long pull")
    add("--tasks", type=int, default=sizes.tasks, help="tasks that are pushed")
    worth = "how many requests' worth of deals is pulled at the published limits"
    add("--requests", type=int, default=sizes.requests, help=worth)
    add("--repeat", type=int, default=5, help="rounds, of which medians are shown")
    named = ", ".join(planned.name for planned in PLAN)
    add("--only", nargs="+", default=[], metavar="NAME", help=f"of these alone: {named}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
