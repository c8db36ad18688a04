"""What a rule asks for when it fires: the entries under `then`, told apart by `do`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rules.words import DecisionStatus
from rules.yaml_file import Entry

Days = Annotated[int, Field(ge=0)]


def _recipient(text: str) -> str:
    kind, _, name = text.partition(":")
    if text not in ("task.owner", "decision.accountable") and not (
        kind in ("role", "person") and name
    ):
        raise ValueError(
            f"{text} is nobody: write task.owner, decision.accountable, role:… or person:…"
        )
    return text


Recipient = Annotated[str, AfterValidator(_recipient)]


class ByRole(Entry):
    """`skip_absent` passes over who is away that day; `fallback` takes it when nobody is left."""

    by: Literal["role", "round_robin", "least_loaded"]
    role: str
    skip_absent: bool = True
    fallback: str | None = None


class Named(Entry):
    by: Literal["named"]
    person: str


class ByDuty(Entry):
    """Whoever answers for the thing the rule fired on."""

    by: Literal["accountable", "deal_owner", "sheet_owner"]
    fallback: str | None = None


OwnerRule = Annotated[ByRole | Named | ByDuty, Field(discriminator="by")]


class CreateTasks(Entry):
    """One task per role, or per helper of the decision, who then have the decision's own date."""

    do: Literal["create_tasks"]
    roles: tuple[str, ...] = ()
    roles_from: Literal["decision.helpers"] | None = None
    due_business_days: Days | None = None
    due_from: Literal["decision.due_business_days"] | None = None

    @model_validator(mode="after")
    def _says_who_and_when_once(self) -> Self:
        if bool(self.roles) == bool(self.roles_from):
            raise ValueError("create_tasks needs roles or roles_from, and not both")
        if (self.due_business_days is None) == (self.due_from is None):
            raise ValueError("create_tasks needs due_business_days or due_from, and not both")
        return self


class CreateTask(Entry):
    do: Literal["create_task"]
    owner: OwnerRule
    due_business_days: Days


class CreateKpiTarget(Entry):
    do: Literal["create_kpi_target"]
    baseline: Literal["last_28_days"]


class Notify(Entry):
    do: Literal["notify"]
    to: Recipient


class SetDecisionStatus(Entry):
    do: Literal["set_decision_status"]
    value: DecisionStatus


class ScheduleRecheck(Entry):
    do: Literal["schedule_recheck"]
    window_days: int = Field(ge=1)


class OpenMicroRetro(Entry):
    do: Literal["open_micro_retro"]
    owner: OwnerRule
    due_business_days: Days


class RequireApproval(Entry):
    do: Literal["require_approval"]
    by: Recipient


class Block(Entry):
    do: Literal["block"]
    message: str


class CreateExperiment(Entry):
    do: Literal["create_experiment"]
    template: str


class ActivatePlaybookSheet(Entry):
    do: Literal["activate_playbook_sheet"]
    revalidate_after_days: int = Field(ge=1)


class CreateRolloutTasks(Entry):
    do: Literal["create_rollout_tasks"]
    match: str
    due_business_days: Days


class SetPlaybookStatus(Entry):
    do: Literal["set_playbook_status"]
    value: Literal["proposed", "active", "to_revalidate", "retired"]


Outcome = Annotated[
    CreateTasks
    | CreateTask
    | CreateKpiTarget
    | Notify
    | SetDecisionStatus
    | ScheduleRecheck
    | OpenMicroRetro
    | RequireApproval
    | Block
    | CreateExperiment
    | ActivatePlaybookSheet
    | CreateRolloutTasks
    | SetPlaybookStatus,
    Field(discriminator="do"),
]
