"""What a KPI target says in a tool that keeps it as a task, in the language of the team."""

from collections.abc import Mapping, Sequence

from connectors.models import TargetWords
from connectors.target_text import ACTUAL, OUTCOME
from rules.figure_words import percent, round_percent
from rules.kpi_catalogue import KpiDefinition
from rules.language import Language
from rules.plan import PlannedTarget
from rules.recheck import Recheck
from rules.recheck_words import verdict

DIGITS, MOST_DIGITS = 2, 6
TITLE: Mapping[Language, str] = {
    "en": "KPI target: {name} {step}",
    "fr": "Cible KPI : {name} {step}",
}
PLANNED: Mapping[Language, tuple[str, str]] = {
    "en": ("Target: {before} → {after} ({step})", "KPI: {name} ({code})"),
    "fr": ("Cible : {before} → {after} ({step})", "KPI : {name} ({code})"),
}
SEGMENT: Mapping[Language, str] = {"en": "Segment: {segment}", "fr": "Segment : {segment}"}
DECISION: Mapping[Language, str] = {"en": "Decision: {decision}", "fr": "Décision : {decision}"}


def planned_words(
    planned: PlannedTarget, definition: KpiDefinition, segment: str | None, language: Language
) -> TargetWords:
    target = planned.target
    before, after = _figures(target.baseline.sample.value, target.target_value, language)
    told = {
        "name": getattr(definition.title, language),
        "step": round_percent(target.relative, language, sign=True),
        "code": definition.code,
        "before": before,
        "after": after,
        "segment": segment,
        "decision": planned.decision,
    }
    about = [*([SEGMENT[language]] if segment else []), DECISION[language]]
    return TargetWords(
        title=TITLE[language].format(**told),
        planned=[each.format(**told) for each in PLANNED[language]],
        about=[each.format(**told) for each in about],
    )


def result_words(judged: Recheck, language: Language) -> Sequence[str]:
    value = judged.after.value if judged.after else None
    measured = [] if value is None else [percent(value, language, digits=DIGITS)]
    return [
        *(f"{getattr(ACTUAL, language)}{each}" for each in measured),
        f"{getattr(OUTCOME, language)}{verdict(judged, language)}",
    ]


def _figures(before: float, after: float, language: Language) -> tuple[str, str]:
    """With so many digits that the step can be seen."""
    for digits in range(DIGITS, MOST_DIGITS + 1):
        shown = tuple(percent(each, language, digits=digits) for each in (before, after))
        if shown[0] != shown[1]:
            break
    return shown[0], shown[1]
