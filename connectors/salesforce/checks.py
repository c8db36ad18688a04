"""Whether a connection works: the version, the org, and what its user may see."""

from connectors.errors import NotPermitted
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
from connectors.salesforce.rows import Version
from connectors.salesforce.wire import AREA, Org


def check(org: Org, facts: Facts, config: SalesforceConfig) -> str:
    """What to call the org. Raises a ConnectorError."""
    offered = [one.version for one in org.api.get(AREA).decode(list[Version])]
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
