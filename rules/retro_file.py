"""A retro file: YAML text into a retro, refused with the line and everything that is missing."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from rules.lead_data import removes_lead_data
from rules.nearest import did_you_mean
from rules.words import Decision, Observation, ObservationOutcome, Retro
from rules.yaml_document import Refused, YamlDocument
from rules.yaml_file import Loc

Found = Iterator[tuple[Loc, str]]


def parse_retro(
    text: str,
    source: str,
    *,
    people: Collection[str],
    kpis: Collection[str],
    taken: Mapping[str, Mapping[str, str]] | None = None,
) -> Retro:
    """The retro in `text`, every name in it known and every id its own.

    `taken` says by part (observations, hypotheses, decisions) which retro has an id already. Raises
    Refused with every problem found.
    """
    document = YamlDocument.read(text, source)
    retro = document.validated(Retro)
    found = [
        *_given_twice(retro),
        *_of_another_retro(retro, taken or {}),
        *_unknown_names(retro, people, kpis),
        *_due_before_held(retro),
        *_unguarded(retro),
        *_actions_without_decision(retro),
    ]
    if found:
        raise Refused(source, [document.problem(loc, message) for loc, message in found])
    return retro


def _given_twice(retro: Retro) -> Found:
    for part, ids in _ids(retro).items():
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield (part, index, "id"), f"the id {name} is given twice"


def _of_another_retro(retro: Retro, taken: Mapping[str, Mapping[str, str]]) -> Found:
    """Keys of tasks and targets are made of these ids, so two retros cannot share one."""
    for part, ids in _ids(retro).items():
        owners = taken.get(part, {})
        for index, name in enumerate(ids):
            if owners.get(name, retro.id) != retro.id:
                yield (
                    (part, index, "id"),
                    f"the id {name} belongs to retro {owners[name]}; ids are unique over all"
                    f" retros: take another, such as {name}-{retro.held_at:%Y-%m-%d}",
                )


def _ids(retro: Retro) -> dict[str, list[str]]:
    return {
        "observations": [observation.id for observation in retro.observations],
        "hypotheses": [hypothesis.id for hypothesis in retro.hypotheses],
        "decisions": [decision.id for decision in retro.decisions],
    }


def _unknown_names(retro: Retro, people: Collection[str], kpis: Collection[str]) -> Found:
    observations = [observation.id for observation in retro.observations]
    if retro.goal:
        yield from _unknown("KPI", [(("goal", "kpi"), retro.goal.kpi)], kpis)
    for index, participant in enumerate(retro.participants):
        at: Loc = ("participants", index)
        yield from _unknown("person", [((*at, "person"), participant.person)], people)
    for index, observation in enumerate(retro.observations):
        yield from _unknown("KPI", _kpis_of(observation, index), kpis)
    for index, hypothesis in enumerate(retro.hypotheses):
        at = ("hypotheses", index)
        named = [((*at, "kpi"), hypothesis.kpi), ((*at, "guardrail"), hypothesis.guardrail)]
        yield from _unknown("KPI", named, kpis)
        yield from _unknown("observation", [((*at, "from"), hypothesis.observation)], observations)
    for index, decision in enumerate(retro.decisions):
        at = ("decisions", index)
        yield from _unknown("KPI", [((*at, "kpi"), decision.kpi)], kpis)
        yield from _unknown("observation", [((*at, "from"), decision.observation)], observations)
        yield from _unknown("person", _people_of(decision, index), people)


def _kpis_of(observation: Observation, index: int) -> Iterator[tuple[Loc, str]]:
    """A figure may be of a KPI the service does not compute: others' counts are evidence too."""
    for position, kpi in enumerate(observation.kpis):
        yield ("observations", index, "kpis", position), kpi


def _people_of(decision: Decision, index: int) -> Iterator[tuple[Loc, str]]:
    yield ("decisions", index, "accountable"), decision.accountable
    for position, helper in enumerate(decision.helpers):
        yield ("decisions", index, "helpers", position), helper


def _unknown(kind: str, named: Iterable[tuple[Loc, str | None]], known: Collection[str]) -> Found:
    for loc, name in named:
        if name is not None and name not in known:
            yield loc, f"{name} is not a known {kind}{did_you_mean(name, known)}"


def _due_before_held(retro: Retro) -> Found:
    day = retro.held_at.date()
    for index, decision in enumerate(retro.decisions):
        if decision.due_on is not None and decision.due_on < day:
            yield (
                ("decisions", index, "due_on"),
                f"decision {decision.id} is due on {decision.due_on}, before the retro ({day})",
            )


def _unguarded(retro: Retro) -> Found:
    for index, hypothesis in enumerate(retro.hypotheses):
        if removes_lead_data(hypothesis) and hypothesis.guardrail is None:
            yield (
                ("hypotheses", index),
                f"hypothesis {hypothesis.id} removes data asked of a lead: it needs a quality"
                " guardrail (guardrail and guardrail_margin_points)",
            )


def _actions_without_decision(retro: Retro) -> Found:
    followed = {decision.observation for decision in retro.decisions}
    for index, observation in enumerate(retro.observations):
        if observation.outcome is ObservationOutcome.ACTION and observation.id not in followed:
            yield (
                ("observations", index, "outcome"),
                f"observation {observation.id} claims an action, but no decision is from it",
            )
