"""Whether a connection works: the version, the org, and what its user may see."""

from connectors.errors import NotPermitted, Unavailable
from connectors.hosts import of_address
from connectors.http import TIMEOUT
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.facts import Facts
from connectors.salesforce.mapping import (
    CAMPAIGN,
    CURRENCY,
    DEAL,
    HISTORY,
    LEAD,
    MEMBER,
    TASK,
    USER,
)
from connectors.salesforce.rows import ForecastRow, Version
from connectors.salesforce.targets import Targets
from connectors.salesforce.wire import AREA, Org, select

FORECASTS = "ForecastingType"
# Ids are told with 18 signs, of which 15 are the id; Setup shows those.
ID_LENGTH = 15


def check(org: Org, facts: Facts, config: SalesforceConfig) -> str:
    """What to call the org. Raises a ConnectorError."""
    try:
        offered = [one.version for one in org.api.get(AREA).decode(list[Version])]
    except Unavailable as error:
        host = config.base_url.partition("://")[2]
        raise of_address(error, f"Salesforce at {host}", TIMEOUT.connect) from error
    if config.api_version not in offered:
        raise NotPermitted(
            f"The org does not offer version {config.api_version} of the API.",
            next_step=f"Set api_version to one of {', '.join(offered[-4:])}, then run a check.",
        )
    about = facts.organization
    for kind in (
        LEAD,
        DEAL,
        HISTORY,
        TASK,
        USER,
        *((CAMPAIGN, MEMBER) if config.campaigns else ()),
    ):
        _check_object(facts, kind)
    _check_fields(facts, config)
    _check_statuses(facts, config)
    _check_key(facts, config)
    _check_targets(org, facts, config)
    if config.currency is None and CURRENCY not in facts.fields(DEAL):
        raise NotPermitted(
            "The org has one currency, which the API does not tell.",
            next_step="Set currency to it (currency=EUR), then run a check.",
        )
    sandbox = ", sandbox" if about.is_sandbox else ""
    return f"Salesforce org {about.id} ({about.organization_type}{sandbox}, {about.instance_name})"


def _check_object(facts: Facts, kind: str) -> None:
    try:
        facts.readable(kind)
    except NotPermitted as error:
        if kind not in (CAMPAIGN, MEMBER):
            raise
        step = f"{error.next_step} Or set campaigns=false."
        raise NotPermitted(error.message, next_step=step) from error


def _check_fields(facts: Facts, config: SalesforceConfig) -> None:
    """A field that no object has would be read as nothing, and nobody would notice."""
    mapped = {*config.fields.values(), *config.utm.values()}
    missing = mapped - set(facts.fields(LEAD)) - set(facts.fields(DEAL))
    if config.campaigns and config.campaign_name not in facts.fields(CAMPAIGN):
        missing.add(f"{CAMPAIGN}.{config.campaign_name}")
    if missing:
        raise NotPermitted(
            f"The user sees no field {', '.join(sorted(missing))}.",
            next_step="Correct the mapping of fields and campaign words, or give the integration "
            "user read access to them, then run a check.",
        )


def _check_statuses(facts: Facts, config: SalesforceConfig) -> None:
    known = [row.api_name for row in facts.lead_statuses] if config.qualified_statuses else []
    unknown = [one for one in config.qualified_statuses if one not in known]
    if unknown:
        raise NotPermitted(
            f"Leads have no status {', '.join(map(repr, unknown))}.",
            next_step=f"qualified_statuses may name: {', '.join(known)}.",
        )


def _check_key(facts: Facts, config: SalesforceConfig) -> None:
    """Without the field of the documentation our key is in the subject; one that somebody named is
    meant to be there."""
    if not _is_set(config, "key_field"):
        return
    there = {**facts.fields(TASK), **facts.fields(config.target_object)}
    if config.key_field in there:
        return
    known = sorted(row.name for row in facts.fields(TASK).values() if row.external_id)
    named = f"key_field may name: {', '.join(known)}." if known else "Tasks have no external id."
    raise NotPermitted(
        f"The user sees no field {config.key_field} of tasks or KPI targets.",
        next_step=f"{named} Or give the integration user access to the field, then run a check.",
    )


def _check_targets(org: Org, facts: Facts, config: SalesforceConfig) -> None:
    """What is set for KPI targets is there; the object of the documentation may be missing."""
    targets = Targets(org, facts, config)
    if _is_set(config, "target_object"):
        targets.prepare_object()
    if not config.quotas:
        return
    targets.prepare()
    if not facts.fields(FORECASTS):
        return
    names = ("Id", "DeveloperName", "IsActive")
    rows = org.all(select(names, FORECASTS), ForecastRow)
    known = {row.id[:ID_LENGTH]: row.developer_name for row in rows if row.is_active}
    unknown = [one for one in config.quotas.values() if one[:ID_LENGTH] not in known]
    if unknown:
        there = ", ".join(f"{id_} ({name})" for id_, name in known.items()) or "none"
        raise NotPermitted(
            f"The org has no active forecasting type {', '.join(map(repr, unknown))}.",
            next_step=f"quotas may name: {there}.",
        )


def _is_set(config: SalesforceConfig, name: str) -> bool:
    return bool(getattr(config, name) != type(config).model_fields[name].default)
