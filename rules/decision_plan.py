"""What a decision turns into: one action per helper or role, and a KPI target."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.assigning import Assigner
from rules.calendars import deadline
from rules.language import Words, day
from rules.outcomes import ByRole, CreateTasks
from rules.owners import DUTIES, Choice
from rules.people import role_key
from rules.plan import Action, Because, PlannedTarget, target_key
from rules.targets import BadTarget, Target, relative_target
from rules.task_text import description, title
from rules.words import Decision, Retro
from rules.workspace import Workspace, baseline_period, due_at, observation_of

TAG = "retro"

HELPER: Words = {"en": "helps with the decision", "fr": "contributeur de la décision"}
NO_BASELINE: Words = {
    "en": "{kpi} has no figure to start from, {first} to {last}{pattern}; {seen}",
    "fr": "{kpi} n'a pas de valeur de départ, du {first} au {last}{pattern} ; {seen}",
}
PATTERN: Words = {
    "en": ": it counts campaigns named {pattern} (campaigns in kpis.yaml)",
    "fr": " : il compte les campagnes nommées {pattern} (campaigns dans kpis.yaml)",
}
SEEN: Words = {
    "en": "campaigns with figures then: {names}",
    "fr": "campagnes avec des chiffres alors : {names}",
}
NONE_SEEN: Words = {
    "en": "no campaign has figures of it then. Pull a source that has some of these days, "
    "then plan again",
    "fr": "aucune campagne n'en a alors. Lisez une source qui en a pour ces jours, "
    "puis planifiez de nouveau",
}
ONE_MISSING: Words = {
    "en": "{kpi} has no figure to start from, {first} to {last}: {missing} was not measured, "
    "though {there} was. Look with retro fields whether a column of the source was passed over, "
    "pull it, then plan again",
    "fr": "{kpi} n'a pas de valeur de départ, du {first} au {last} : {missing} n'a pas été mesuré, "
    "alors que {there} l'a été. Voyez avec retro fields si une colonne de la source a été ignorée, "
    "lisez-la, puis planifiez de nouveau",
}
MOST_NAMED = 8


class CannotPlan(LookupError):
    """A decision lacks `missing`, so nothing of it is planned."""

    def __init__(self, missing: str, reason: str) -> None:
        super().__init__(reason)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Share:
    """Who does which part. `role` is unique within the decision."""

    role: str
    choice: Choice


def decision_actions(
    retro: Retro,
    decision: Decision,
    outcome: CreateTasks,
    because: Because,
    decided_at: datetime,
    workspace: Workspace,
    assigner: Assigner,
) -> Iterator[tuple[Action, Choice]]:
    """Raises NoOwner and CannotPlan."""
    known = decision.id in workspace.baselines
    target = _target(retro, decision, workspace) if known else None
    kpi = workspace.kpis.get(decision.measured_by or "")
    shares = _per_role(decision, outcome, assigner) if outcome.roles else None
    for share in shares or _per_helper(decision, workspace, assigner):
        owner = share.choice.person
        calendar = workspace.calendar_of(owner)
        if outcome.due_business_days is None:
            due = due_at(retro, decision, calendar)
        else:
            due = deadline(decided_at, outcome.due_business_days, calendar)
        action = Action(
            key=f"{decision.id}:{share.role}",
            decision=decision.id,
            about=decision.id,
            role=share.role,
            title=title(retro, decision),
            description=description(
                decision,
                observation_of(retro, decision),
                kpi,
                target,
                workspace.name(decision.accountable),
                workspace.link(decision),
                workspace.language,
                is_local=workspace.is_local,
            ),
            owner=owner.id,
            owner_reason=share.choice.reason,
            due_at=due,
            tags=(TAG, *decision.tags),
            link=workspace.link(decision),
            because=(because,),
        )
        yield action, share.choice


def decision_target(
    retro: Retro, decision: Decision, because: Because, workspace: Workspace
) -> PlannedTarget:
    """Measured for as many days as its baseline. Raises CannotPlan."""
    target = _target(retro, decision, workspace)
    if target is None:
        raise CannotPlan("target", f"decision {decision.id} names no target_relative")
    period = target.baseline.period
    due = due_at(retro, decision, workspace.calendar)
    measured_from = workspace.calendar.day_of(due) + timedelta(days=1)
    return PlannedTarget(
        key=target_key(decision.id, target.baseline.kpi),
        decision=decision.id,
        target=target,
        recheck_on=measured_from + (period.end - period.start),
        because=(because,),
    )


def _target(retro: Retro, decision: Decision, workspace: Workspace) -> Target | None:
    if decision.kpi is None or decision.target_relative is None:
        return None
    baseline = workspace.baselines.get(decision.id)
    definition = workspace.kpis.get(decision.kpi)
    if baseline is None or definition is None:
        raise CannotPlan("baseline", _no_baseline(retro, decision, workspace))
    try:
        return relative_target(definition, baseline, decision.target_relative)
    except ValueError as error:
        why = error.words[workspace.language] if isinstance(error, BadTarget) else str(error)
        raise CannotPlan("target", why) from error


def _no_baseline(retro: Retro, decision: Decision, workspace: Workspace) -> str:
    """What was looked for, and what there is instead: mostly a campaign under another name."""
    language = workspace.language
    period = baseline_period(workspace.calendar.day_of(retro.held_at))
    definition = workspace.kpis.get(decision.kpi or "")
    wanted = definition.campaigns if definition else None
    told = {
        "kpi": decision.kpi,
        "first": day(period.start, language),
        "last": day(period.end - timedelta(days=1), language),
    }
    missing = workspace.unmeasured.get(decision.id, ())
    if missing and definition:
        parts = (definition.numerator, definition.denominator)
        there = ", ".join(each for each in parts if each not in missing)
        return ONE_MISSING[language].format(**told, missing=", ".join(missing), there=there)
    names = workspace.measured.get(decision.id, ())
    more = ", …" if len(names) > MOST_NAMED else ""
    seen = SEEN[language].format(names=", ".join(names[:MOST_NAMED]) + more)
    return NO_BASELINE[language].format(
        **told,
        pattern=PATTERN[language].format(pattern=wanted) if wanted else "",
        seen=seen if names else NONE_SEEN[language],
    )


def _per_role(decision: Decision, outcome: CreateTasks, assigner: Assigner) -> list[Share]:
    """A helper who holds the role goes before anyone else."""
    shares = []
    for role in outcome.roles:
        helpers = [each for each in assigner.staff.holders(role) if each.id in decision.helpers]
        if helpers:
            choice = assigner.keep(helpers[0].id, HELPER[assigner.language])
        else:
            rule = ByRole(by="least_loaded", role=role, fallback=decision.accountable)
            choice = assigner.pick(rule, {})
        shares.append(Share(role_key(role), choice))
    return shares


def _per_helper(decision: Decision, workspace: Workspace, assigner: Assigner) -> list[Share]:
    """Without helpers the accountable person does it. Two helpers of one role keep apart by id."""
    language = workspace.language
    if not decision.helpers:
        reason = DUTIES["accountable"][language]
        choice = assigner.keep(decision.accountable, reason)
        return [Share(_role(decision.accountable, workspace), choice)]
    roles = {helper: _role(helper, workspace) for helper in sorted(decision.helpers)}
    shared = Counter(roles.values())
    return [
        Share(
            role if shared[role] == 1 else f"{role}-{helper}",
            assigner.keep(helper, HELPER[language], fallback=decision.accountable),
        )
        for helper, role in roles.items()
    ]


def _role(person_id: str, workspace: Workspace) -> str:
    person = workspace.staff.people.get(person_id)
    return role_key(person.role) if person else person_id
