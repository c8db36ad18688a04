"""Objects and their fields, as `describe` tells them and as queries and writes are held to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.salesforce.portal import company
from connectors.salesforce.portal.options import SandboxOptions


@dataclass(frozen=True)
class Field:
    """`picks` are the values of a restricted picklist; `to` the objects a reference may name."""

    name: str
    type: str
    length: int = 0
    writable: bool = True
    create_only: bool = False
    required: bool = False
    external: bool = False
    unique: bool = False
    picks: tuple[str, ...] = ()
    to: tuple[str, ...] = ()

    @property
    def filterable(self) -> bool:
        return self.type != "textarea"

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")


def _read_only(type_: str, *names: str) -> list[Field]:
    return [Field(name, type_, writable=False) for name in names]


def _many(type_: str, *names: str, length: int = 0) -> list[Field]:
    return [Field(name, type_, length) for name in names]


SYSTEM = (
    Field("Id", "id", writable=False),
    *_read_only("datetime", "CreatedDate", "LastModifiedDate", "SystemModstamp"),
    *_read_only("boolean", "IsDeleted"),
)
OWNER = Field("OwnerId", "reference", to=("User",))
KEY = "Retro_Key__c"
TARGET = "Retro_KPI_Target__c"
OBJECTS: Mapping[str, Sequence[Field]] = {
    "Lead": (
        Field("LastName", "string", 80, required=True),
        Field("Company", "string", 255, required=True),
        *_many("string", "FirstName", length=40),
        *_many("string", "Title", "Country", length=128),
        Field("Email", "email", 80),
        Field("Phone", "phone", 40),
        Field("Status", "picklist", picks=tuple(one[0] for one in company.LEAD_STATUSES)),
        *_many("picklist", "Rating", "LeadSource", "Industry", length=255),
        Field("AnnualRevenue", "currency"),
        OWNER,
        *_read_only("string", "Name"),
        *_read_only("boolean", "IsConverted"),
        *_read_only("date", "ConvertedDate"),
        *_read_only("reference", "ConvertedAccountId", "ConvertedContactId"),
        *_read_only("reference", "ConvertedOpportunityId", "MasterRecordId"),
    ),
    "Opportunity": (
        Field("Name", "string", 120, required=True),
        Field("StageName", "picklist", 255, required=True),
        Field("CloseDate", "date", required=True),
        Field("Amount", "currency"),
        Field("Type", "picklist", 255),
        Field("LeadSource", "picklist", 255),
        Field("AccountId", "reference"),
        Field("CampaignId", "reference", to=("Campaign",)),
        OWNER,
        *_read_only("percent", "Probability"),
        *_read_only("currency", "ExpectedRevenue"),
        *_read_only("picklist", "ForecastCategoryName"),
        *_read_only("boolean", "IsClosed", "IsWon"),
        *_read_only("datetime", "LastStageChangeDate"),
    ),
    "OpportunityHistory": (
        Field("OpportunityId", "reference", writable=False, to=("Opportunity",)),
        *_read_only("picklist", "StageName", "ForecastCategory"),
        *_read_only("currency", "Amount"),
        *_read_only("percent", "Probability"),
        *_read_only("date", "CloseDate"),
    ),
    "OpportunityStage": (
        *_read_only("string", "ApiName", "MasterLabel", "ForecastCategoryName"),
        *_read_only("int", "SortOrder"),
        *_read_only("boolean", "IsActive", "IsClosed", "IsWon"),
        *_read_only("percent", "DefaultProbability"),
    ),
    "LeadStatus": (
        *_read_only("string", "ApiName", "MasterLabel"),
        *_read_only("int", "SortOrder"),
        *_read_only("boolean", "IsConverted", "IsDefault"),
    ),
    "TaskStatus": (
        *_read_only("string", "ApiName", "MasterLabel"),
        *_read_only("int", "SortOrder"),
        *_read_only("boolean", "IsClosed", "IsDefault"),
    ),
    "Campaign": (
        Field("Name", "string", 80, required=True),
        *_many("picklist", "Type", "Status", length=255),
        *_many("date", "StartDate", "EndDate"),
        *_many("boolean", "IsActive"),
        *_many("currency", "BudgetedCost", "ActualCost", "ExpectedRevenue"),
        OWNER,
        *_read_only("int", "NumberOfLeads", "NumberOfResponses"),
    ),
    "CampaignMember": (
        Field("CampaignId", "reference", to=("Campaign",)),
        Field("LeadId", "reference", to=("Lead",)),
        Field("ContactId", "reference"),
        Field("Status", "picklist", 255),
        *_read_only("boolean", "HasResponded"),
        *_read_only("date", "FirstRespondedDate"),
    ),
    "Task": (
        Field("Subject", "string", 255),
        Field("Description", "textarea", 32_000),
        Field("ActivityDate", "date"),
        Field("Status", "picklist", picks=tuple(one[0] for one in company.TASK_STATUSES)),
        Field("Priority", "picklist", picks=("High", "Normal", "Low")),
        OWNER,
        Field("WhoId", "reference", to=("Lead",)),
        Field("WhatId", "reference", to=("Opportunity", "Campaign", TARGET)),
        *_read_only("boolean", "IsClosed", "IsArchived"),
        *_read_only("datetime", "CompletedDateTime"),
    ),
    "User": (
        *_read_only("string", "Name", "UserType", "TimeZoneSidKey"),
        *_read_only("email", "Email"),
        *_read_only("boolean", "IsActive", "ForecastEnabled"),
    ),
    "Organization": (
        *_read_only("string", "Name", "OrganizationType", "InstanceName"),
        *_read_only("boolean", "IsSandbox"),
    ),
}
TARGETS = (
    Field("Name", "string", 80),
    Field(KEY, "string", 255, external=True, unique=True),
    *_many("string", "KPI__c", "Segment__c", "Unit__c", "Decision__c", "Outcome__c", length=255),
    *_many("double", "Baseline__c", "Target__c", "Actual__c"),
    *_many("date", "Starts_On__c", "Recheck_On__c"),
    OWNER,
)
QUOTAS = (
    Field("QuotaOwnerId", "reference", create_only=True, required=True, to=("User",)),
    Field("ForecastingTypeId", "reference", create_only=True, required=True),
    Field("StartDate", "date", create_only=True, required=True),
    Field("QuotaAmount", "currency"),
    Field("QuotaQuantity", "double"),
    *_read_only("boolean", "IsAmount", "IsQuantity"),
)
FORECASTS = (
    *_read_only("string", "DeveloperName", "MasterLabel"),
    *_read_only("boolean", "IsActive", "IsAmount", "IsQuantity"),
)
WITH_MONEY = ("Lead", "Opportunity", "Campaign", "ForecastingQuota")


def schema(options: SandboxOptions) -> dict[str, dict[str, Field]]:
    """What this org has and its integration user may see."""
    objects = {name: [*SYSTEM, *fields] for name, fields in OBJECTS.items()}
    for name in ("Lead", "Opportunity"):
        objects[name] += map(custom_text, options.custom)
    if options.key_field != "none":
        unique, external = options.key_field == "unique", options.key_field != "plain"
        objects["Task"].append(Field(KEY, "string", 255, external=external, unique=unique))
    if options.targets:
        objects[TARGET] = [*SYSTEM, *TARGETS]
    if options.quotas:
        objects["ForecastingQuota"] = [*SYSTEM, *QUOTAS]
        objects["ForecastingType"] = [*SYSTEM, *FORECASTS]
    for name in WITH_MONEY if options.currencies else ():
        if name in objects:
            objects[name].append(Field("CurrencyIsoCode", "picklist", picks=("EUR", "USD")))
    return {
        name: {one.name: one for one in fields if f"{name}.{one.name}" not in options.hidden}
        for name, fields in objects.items()
        if name not in options.without
    }


def custom_text(name: str) -> Field:
    return Field(name, "string", 255)


def described(name: str, fields: Mapping[str, Field]) -> dict[str, object]:
    can_write = any(one.writable for one in fields.values())
    return {
        "name": name,
        "createable": can_write,
        "updateable": can_write,
        "queryable": True,
        "fields": [_described(one) for one in fields.values()],
    }


def retyped(field: Field, type_: str) -> Field:
    return replace(field, type=type_)


def _described(one: Field) -> dict[str, object]:
    values = [
        {"value": pick, "label": pick, "active": True, "defaultValue": number == 0}
        for number, pick in enumerate(one.picks)
    ]
    return {
        "name": one.name,
        "label": one.name.removesuffix("__c").replace("_", " "),
        "type": one.type,
        "length": one.length,
        "nillable": not one.required,
        "createable": one.writable,
        "updateable": one.writable and not one.create_only,
        "externalId": one.external,
        "idLookup": one.external or one.type == "id",
        "unique": one.unique,
        "custom": one.custom,
        "filterable": one.filterable,
        "restrictedPicklist": bool(one.picks),
        "referenceTo": list(one.to),
        "picklistValues": values,
    }
