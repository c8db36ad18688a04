"""KPI targets as people read them, where a tool keeps one as a task.

Who plans one gives its words in the language of the team; without them they are plain English.
"""

from collections.abc import Sequence

from connectors.figures import plain
from connectors.models import KpiTarget, Words

ACTUAL = Words("Actual: ", "Mesuré : ")
OUTCOME = Words("Outcome: ", "Verdict : ")
# How the lines begin that are ours after the task was made, whatever the language was then.
RESULTS = tuple(text for words in (ACTUAL, OUTCOME) for text in (words.en, words.fr))


def title(target: KpiTarget) -> str:
    return target.words.title if target.words else f"KPI target: {target.title}"


def planned(target: KpiTarget) -> Sequence[str]:
    """The lines that tell the figures, which must stay as planned."""
    if target.words:
        return target.words.planned
    segment = f" ({target.segment})" if target.segment else ""
    baseline = "not known" if target.baseline is None else plain(target.baseline)
    return [
        f"KPI: {target.kpi}{segment}, {target.unit}",
        f"Baseline: {baseline}",
        f"Target: {plain(target.target)}",
    ]


def results(target: KpiTarget) -> Sequence[str]:
    if target.words:
        return target.words.results
    lines = [] if target.actual is None else [f"{ACTUAL.en}{plain(target.actual)}"]
    return lines if target.outcome is None else [*lines, f"{OUTCOME.en}{target.outcome}"]


def text_of(target: KpiTarget) -> str:
    about = target.words.about if target.words else [f"Decision: {target.decision}"]
    return "\n".join([*planned(target), *about, *results(target)])


def with_results(held: str, target: KpiTarget) -> str:
    """What the task holds, with the results of now for those of before: all other words belong to
    people."""
    lines = [line for line in held.splitlines() if not line.startswith(RESULTS)]
    return "\n".join([*lines, *results(target)])
