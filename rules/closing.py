"""What keeps a retro from being closed."""

from collections.abc import Collection, Iterator

from rules.language import Language, Words
from rules.words import Retro

NO_GOAL: Words = {"en": "it has no goal", "fr": "elle n'a pas d'objectif"}
NO_MEASURABLE_ACTION: Words = {
    "en": "no decision has a KPI beside its owner and date",
    "fr": "aucune décision n'a de KPI en plus de son responsable et de son échéance",
}
NO_OUTCOME: Words = {
    "en": "observation {id} has no outcome: action, parked or rejected with a reason",
    "fr": "l'observation {id} est sans suite : action, ou mise de côté ou rejetée avec un motif",
}
NO_TASK: Words = {"en": "decision {id} has no task", "fr": "la décision {id} n'a pas de tâche"}


def still_missing(retro: Retro, with_tasks: Collection[str], language: Language) -> tuple[str, ...]:
    """Why the retro cannot be closed; empty when it can. `with_tasks` are ids of decisions."""
    return tuple(_missing(retro, with_tasks, language))


def _missing(retro: Retro, with_tasks: Collection[str], language: Language) -> Iterator[str]:
    if retro.goal is None:
        yield NO_GOAL[language]
    if all(decision.measured_by is None for decision in retro.decisions):
        yield NO_MEASURABLE_ACTION[language]
    for observation in retro.observations:
        if retro.outcome_of(observation) is None:
            yield NO_OUTCOME[language].format(id=observation.id)
    for decision in retro.decisions:
        if decision.id not in with_tasks:
            yield NO_TASK[language].format(id=decision.id)
