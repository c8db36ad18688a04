"""What is asked of an org once and then known: its objects, stages, zones, and who it is."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from connectors.errors import BadResponse, NotFound, NotPermitted
from connectors.models import StageKind
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.mapping import CAMPAIGN, CURRENCY, FIELDS, USER, Known, deal_kind
from connectors.salesforce.rows import (
    DealStageRow,
    Described,
    FieldRow,
    LeadStatusRow,
    OrganizationRow,
    TaskStatusRow,
    ZoneRow,
)
from connectors.salesforce.wire import Org, quoted, select

NOTHING = Described([])
# The words of the standard object, which the API tells by these names.
STAGES = "SELECT ApiName, MasterLabel, SortOrder, IsClosed, IsWon FROM OpportunityStage"
LEAD_STATUSES = "SELECT ApiName, MasterLabel, SortOrder, IsConverted FROM LeadStatus"
TASK_STATUSES = "SELECT ApiName, IsClosed, IsDefault FROM TaskStatus ORDER BY SortOrder"
ORGANIZATION = "SELECT Id, OrganizationType, InstanceName, IsSandbox FROM Organization"


class Facts:
    def __init__(self, org: Org, config: SalesforceConfig) -> None:
        self._org = org
        self._config = config
        self._described: dict[str, Described] = {}
        self._campaigns: dict[str, str] = {}
        self._zones: dict[str, str] = {}

    def described(self, kind: str) -> Described:
        """Nothing for an object that the org does not have, or does not show to the user."""
        if kind not in self._described:
            try:
                answer = self._org.api.get(self._org.path("sobjects", kind, "describe"))
            except NotFound:
                self._described[kind] = NOTHING
            else:
                self._described[kind] = answer.decode(Described)
        return self._described[kind]

    def describe(self, kinds: Sequence[str]) -> None:
        """In one request, those that are not known yet; what fails is asked for alone later."""
        paths = {
            self._org.path("sobjects", kind, "describe"): kind
            for kind in kinds
            if kind not in self._described
        }
        for path, answer in self._org.several(list(paths)).items() if paths else ():
            self._described[paths[path]] = answer.decode(Described)

    def fields(self, kind: str) -> Mapping[str, FieldRow]:
        return {row.name: row for row in self.described(kind).fields}

    def readable(self, kind: str) -> list[str]:
        """The fields to read of an object. One that the user may not see would fail each query.

        Raises NotPermitted.
        """
        there = self.fields(kind)
        missing = [name for name in FIELDS[kind] if name not in there]
        if missing:
            what = ", ".join(missing) if there else "the object"
            raise NotPermitted(
                f"The user may not see {what} of {kind}.",
                next_step=f"Give the integration user read access to {kind} and to these fields "
                "(field-level security), then run a check.",
            )
        currency = [CURRENCY] if CURRENCY in there else []
        return list(dict.fromkeys(["Id", *FIELDS[kind], *currency]))

    def known(self, kind: str) -> Known:
        config, there = self._config, self.fields(kind)
        return Known(
            currency=config.currency,
            qualified=frozenset(config.qualified_statuses),
            disqualified=frozenset(config.disqualified_statuses),
            utm={part: name for part, name in config.utm.items() if name in there},
            custom={ours: name for ours, name in config.fields.items() if name in there},
            types={name: row.type for name, row in there.items()},
        )

    @cached_property
    def organization(self) -> OrganizationRow:
        rows = self._org.all(ORGANIZATION, OrganizationRow)
        if len(rows) != 1:
            raise BadResponse("The org does not tell which one it is.")
        return rows[0]

    @cached_property
    def deal_stages(self) -> Sequence[DealStageRow]:
        """Those that are not in use any more too: old deals have been in them."""
        return self._org.all(STAGES, DealStageRow)

    @cached_property
    def stage_kinds(self) -> Mapping[str, StageKind]:
        return {
            row.api_name: deal_kind(closed=row.is_closed, won=row.is_won)
            for row in self.deal_stages
        }

    @cached_property
    def lead_statuses(self) -> Sequence[LeadStatusRow]:
        return self._org.all(LEAD_STATUSES, LeadStatusRow)

    @cached_property
    def task_statuses(self) -> Sequence[TaskStatusRow]:
        return self._org.all(TASK_STATUSES, TaskStatusRow)

    def campaign_names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """By id. One request for all that are new, and none for those that are known."""
        wanted = [one for one in dict.fromkeys(ids) if one not in self._campaigns]
        if not self._config.campaigns or not wanted:
            return self._campaigns
        named = self._config.campaign_name
        for rows in self._org.read(CAMPAIGN, wanted, ["Id", named]):
            for raw in rows:
                row = msgspec.json.decode(raw, type=dict[str, object])
                self._campaigns[str(row["Id"])] = str(row.get(named) or row["Id"])
        return self._campaigns

    def zone_of(self, user: str) -> str:
        """The time zone in which a user reads days."""
        if user not in self._zones:
            asked = select(("TimeZoneSidKey",), USER, [f"Id = {quoted(user)}"])
            rows = self._org.all(asked, ZoneRow)
            self._zones[user] = rows[0].time_zone_sid_key if rows else "UTC"
        return self._zones[user]
