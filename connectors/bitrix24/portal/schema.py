"""The fields of CRM items, as `crm.item.fields` tells them, and their native kinds.

Native rows keep moments as Unix seconds (`datetime`, and `date` as midnight UTC) and are rendered
in the portal's zone on the way out.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

LEAD, DEAL, CONTACT = 1, 2, 3
TIMES = frozenset({"datetime", "date"})
WHOLE = frozenset({"integer", "user", "crm_category", "crm_company", "crm_contact", "crm_entity"})

COMMON = """
id:integer:r title:string createdBy:user:r updatedBy:user:r movedBy:user:r
createdTime:datetime:r updatedTime:datetime:r movedTime:datetime:r opened:boolean
assignedById:user lastActivityBy:user:r lastActivityTime:datetime:r webformId:integer
utmSource:string utmMedium:string utmCampaign:string utmContent:string utmTerm:string
"""
SALE = """
stageId:crm_status stageSemanticId:string:r previousStageId:crm_status:r opportunity:double
currencyId:crm_currency isManualOpportunity:boolean sourceId:crm_status sourceDescription:text
contactId:crm_contact contactIds:crm_contact:m companyId:crm_company comments:text
originatorId:string originId:string observers:user:m isReturnCustomer:boolean:r
"""
BASE = {
    LEAD: COMMON + SALE + "name:string lastName:string dateClosed:datetime:r",
    DEAL: COMMON
    + SALE
    + """categoryId:crm_category closed:boolean:r taxValue:double probability:integer
    leadId:integer isRecurring:boolean:r isRepeatedApproach:boolean:r isNew:boolean:r
    closedate:date begindate:date typeId:crm_status additionalInfo:text""",
    CONTACT: COMMON
    + """name:string lastName:string secondName:string companyId:crm_company sourceId:crm_status
    sourceDescription:text originatorId:string originId:string typeId:crm_status comments:text""",
}
SMART = (
    COMMON
    + """xmlId:string categoryId:crm_category stageId:crm_status previousStageId:crm_status:r
    begindate:date closedate:date observers:user:m"""
)
# They come back in answers but the list method does not filter by them.
NOT_IN_FILTER = frozenset({"contactIds", "observers"})


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    upper: str
    read_only: bool = False
    multiple: bool = False
    custom: bool = False
    precision: int | None = None
    title: str = ""
    items: tuple[tuple[int, str], ...] = ()

    def described(self) -> dict[str, Any]:
        """One entry of `crm.item.fields`."""
        entry: dict[str, Any] = {
            "type": self.kind,
            "isRequired": False,
            "isReadOnly": self.read_only,
            "isImmutable": False,
            "isMultiple": self.multiple,
            "isDynamic": self.custom,
            "title": self.title or "_".join(part.capitalize() for part in self.upper.split("_")),
            "upperName": self.upper,
        }
        if self.items:
            entry["items"] = [{"ID": str(number), "VALUE": text} for number, text in self.items]
        return entry


@dataclass(frozen=True)
class Schema:
    entity_type_id: int
    fields: tuple[Field, ...]

    @cached_property
    def by_name(self) -> dict[str, Field]:
        return {item.name: item for item in self.fields}

    @cached_property
    def by_upper(self) -> dict[str, Field]:
        return {item.upper: item for item in self.fields}

    @cached_property
    def customs(self) -> tuple[Field, ...]:
        return tuple(item for item in self.fields if item.custom)

    def with_field(self, added: Field) -> "Schema":
        return Schema(self.entity_type_id, (*self.fields, added))


def base_schema(entity_type_id: int, parents: tuple[int, ...] = ()) -> Schema:
    """Fields every lead, deal, contact or smart-process item has."""
    fields = [_base_field(word) for word in BASE.get(entity_type_id, SMART).split()]
    fields += [Field(f"parentId{id_}", "crm_entity", f"PARENT_ID_{id_}") for id_ in parents]
    return Schema(entity_type_id, tuple(fields))


def _base_field(word: str) -> Field:
    name, kind, *flags = word.split(":")
    upper = re.sub(r"([A-Z])", r"_\1", name).upper()
    return Field(name, kind, upper, read_only="r" in flags, multiple="m" in flags)


def custom_name(upper: str) -> str:
    """camelCase name of a custom field.

    `UF_CRM_7_TARGET` is `ufCrm7Target`, but digits stay behind an underscore: `UF_CRM_1747309879`
    is `ufCrm_1747309879`, and a part that mixes letters and digits keeps the whole tail as it is.
    """
    tail = upper.removeprefix("UF_CRM_")
    parts = tail.split("_")
    if len(parts) == 1 and tail.isdigit():
        return f"ufCrm_{tail}"
    if any(not part.isdigit() and not part.isalpha() for part in parts):
        return f"ufCrm_{tail}"
    head, *rest = parts
    return f"ufCrm{head.capitalize()}" + "".join(
        f"_{part}" if part.isdigit() else part.capitalize() for part in rest
    )


def custom_field(config: dict[str, Any]) -> Field:
    """A field from a row of `userfieldconfig.list`."""
    upper = str(config["fieldName"])
    settings = config.get("settings") or {}
    kind = str(config["userTypeId"])
    label = config.get("editFormLabel") or {}
    return Field(
        name=custom_name(upper),
        kind=kind,
        upper=upper,
        multiple=config.get("multiple") == "Y",
        custom=True,
        precision=int(settings.get("PRECISION", 2)) if kind == "double" else None,
        title=str(label.get("en") or ""),
        items=tuple((int(item["ID"]), str(item["VALUE"])) for item in config.get("enum") or ()),
    )


def new_item(schema: Schema) -> dict[str, Any]:
    """A native row with the defaults of a new item, by field name in the schema's order."""
    return {item.name: _default(item) for item in schema.fields}


def _default(item: Field) -> Any:
    if item.multiple:
        return []
    if item.name in DEFAULTS:
        return DEFAULTS[item.name]
    return "N" if item.kind == "boolean" and not item.custom else None


DEFAULTS: dict[str, Any] = {
    "opportunity": 0,
    "taxValue": 0,
    "contactId": 0,
    "companyId": 0,
    "webformId": 0,
    "opened": "Y",
    "previousStageId": "",
}
