"""What a task says in the tool: why it is done, how success is measured, where it comes from."""

from rules.figure_words import percent, round_percent
from rules.kpi_catalogue import KpiDefinition
from rules.language import Language, Words
from rules.targets import Target
from rules.words import Decision, Observation, Retro

TITLE = "[Retro {retro}] {text}"

WHY: Words = {"en": "Why: {text}", "fr": "Pourquoi : {text}"}
DECISION: Words = {"en": "Decision: {text}", "fr": "Décision : {text}"}
TARGET: Words = {
    "en": "KPI and target: {kpi}, {baseline} -> {target} ({step})",
    "fr": "KPI et cible : {kpi}, {baseline} -> {target} ({step})",
}
KPI: Words = {"en": "KPI: {kpi}", "fr": "KPI : {kpi}"}
MEASURE: Words = {
    "en": "Measure: the {days} days after the last task is done, against the {days} days before"
    " the decision",
    "fr": "Mesure : les {days} jours qui suivent la dernière tâche terminée, comparés aux {days}"
    " jours avant la décision",
}
ACCOUNTABLE: Words = {"en": "Accountable: {name}", "fr": "Responsable : {name}"}
LINK: Words = {"en": "Decision page: {link}", "fr": "Page de la décision : {link}"}
LOCAL_LINK: Words = {
    "en": "Decision page, on the machine of Retro ROI: {link}",
    "fr": "Page de la décision, sur la machine de Retro ROI : {link}",
}


def title(retro: Retro, decision: Decision) -> str:
    return TITLE.format(retro=retro.id, text=decision.text)


def description(
    decision: Decision,
    observation: Observation | None,
    kpi: KpiDefinition | None,
    target: Target | None,
    accountable: str,
    link: str,
    language: Language,
    *,
    is_local: bool = False,
) -> str:
    """`accountable` is the person's name; `is_local` says that the link leads nowhere elsewhere."""
    lines = []
    if observation:
        lines.append(WHY[language].format(text=observation.text))
    lines.append(DECISION[language].format(text=decision.text))
    if kpi and target:
        lines += _success(kpi, target, language)
    elif kpi:
        lines.append(KPI[language].format(kpi=_name(kpi, language)))
    lines.append(ACCOUNTABLE[language].format(name=accountable))
    lines.append((LOCAL_LINK if is_local else LINK)[language].format(link=link))
    return "\n".join(lines)


def _success(kpi: KpiDefinition, target: Target, language: Language) -> list[str]:
    period = target.baseline.period
    return [
        TARGET[language].format(
            kpi=_name(kpi, language),
            baseline=percent(target.baseline.sample.value, language, digits=2),
            target=percent(target.target_value, language, digits=2),
            step=round_percent(target.relative, language, sign=True),
        ),
        MEASURE[language].format(days=(period.end - period.start).days),
    ]


def _name(kpi: KpiDefinition, language: Language) -> str:
    return kpi.title.fr if language == "fr" else kpi.title.en
