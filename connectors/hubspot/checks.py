"""Whether a connection works: the key is good, of the right account, and may read what we need."""

from connectors.errors import NotFound, NotPermitted, Rejected, Unavailable
from connectors.hosts import of_address
from connectors.http import TIMEOUT
from connectors.hubspot.account import AccountFacts
from connectors.hubspot.config import HubSpotConfig
from connectors.hubspot.mapping import CONTACTS, DEALS, LEADS, TASKS
from connectors.hubspot.targets import GOALS
from connectors.hubspot.wire import Hub

WRITES = {TASKS: "crm.objects.contacts.write", GOALS: "crm.objects.goals.write"}
NO_RECORD = "0"
OFF = {LEADS: "leads=false", "campaigns": "campaigns=false"}


def check(hub: Hub, facts: AccountFacts, config: HubSpotConfig) -> str:
    """What to call the account. Raises a ConnectorError."""
    try:
        details = hub.details
    except Unavailable as error:
        host = config.base_url.partition("://")[2]
        raise of_address(error, f"HubSpot at {host}", TIMEOUT.connect) from error
    portal = str(details.portal_id)
    if config.portal_id is not None and config.portal_id != portal:
        raise NotPermitted(
            f"The key is of account {portal}, and this connection is to {config.portal_id}.",
            next_step="Take a key of that account, or connect this one under another name.",
        )
    _may_read(hub)
    for kind in [CONTACTS, DEALS, *([LEADS] if config.leads else [])]:
        _allowed(hub, hub.objects(kind), kind)
    if config.campaigns:
        _allowed(hub, hub.campaigns(), "campaigns")
    _check_fields(facts, config)
    _check_stages(facts, config)
    kind = details.account_type.lower().replace("_", " ")
    return f"HubSpot account {portal} ({kind}){_what_it_may_not_write(hub, config)}"


def _what_it_may_not_write(hub: Hub, config: HubSpotConfig) -> str:
    """A key that may only read is good for pulls; what each push would be refused for is told."""
    wanted = {"tasks": TASKS, **({"goals": GOALS} if config.goal_template else {})}
    lacks = [f"{what} ({WRITES[kind]})" for what, kind in wanted.items() if not _writes(hub, kind)]
    return f", whose key lacks the scope to write {' and '.join(lacks)}" if lacks else ""


def _writes(hub: Hub, kind: str) -> bool:
    """No call tells the scopes of a service key. So nothing is changed of a record that is none:
    the scope is asked for before the record is."""
    try:
        hub.api.patch(hub.objects(kind, NO_RECORD), {"properties": {}})
    except NotPermitted:
        return False
    except (NotFound, Rejected):
        pass
    return True


def _may_read(hub: Hub) -> None:
    hub.api.get(hub.crm("owners"), {"limit": 1})


def _allowed(hub: Hub, path: str, what: str) -> None:
    try:
        hub.api.get(path, {"limit": 1})
    except NotPermitted as error:
        off = f", or set {OFF[what]} where the plan has none" if what in OFF else ""
        raise NotPermitted(
            f"The key may not read {what}.",
            next_step=f"Give the key the scope for {what}{off}, then run a check.",
        ) from error


def _check_fields(facts: AccountFacts, config: HubSpotConfig) -> None:
    """A name that the account does not have would be read as nothing, and nobody would notice."""
    entities = [DEALS, *([LEADS] if config.leads else [])]
    missing = set(config.fields.values())
    for entity in entities if missing else ():
        missing -= set(facts.properties(entity))
    words = set(config.utm.values())
    for entity in [*entities, CONTACTS] if words else ():
        words -= set(facts.properties(entity))
    if missing or words:
        raise NotPermitted(
            f"The account has no property {', '.join(sorted(missing | words))}.",
            next_step="Correct the mapping of custom fields and campaign words, then run a check.",
        )


def _check_stages(facts: AccountFacts, config: HubSpotConfig) -> None:
    if not (config.leads and config.qualified_stages):
        return
    known = [stage.id for pipeline in facts.pipelines(LEADS) for stage in pipeline.stages]
    unknown = [stage for stage in config.qualified_stages if stage not in known]
    if unknown:
        raise NotPermitted(
            f"Leads have no stage {', '.join(map(repr, unknown))}.",
            next_step=f"qualified_stages may name: {', '.join(known)}.",
        )
