"""Whether a connection works: the token is good, of the right company, and sees everything."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from connectors.errors import NotFound, NotPermitted, Unavailable
from connectors.http import UNREACHABLE
from connectors.models import Stream
from connectors.pipedrive.config import PipedriveConfig
from connectors.pipedrive.fields import remote_fields
from connectors.pipedrive.targets import KINDS
from connectors.pipedrive.wire import Company, Forbidden, decode, listed

READS = (
    ("v2/deals", {"limit": 1}, 10, "deals:read"),
    ("v1/leads", {"limit": 1}, 20, "leads:read"),
    ("v2/persons", {"limit": 1}, 10, "contacts:read"),
    ("v2/activities", {"limit": 1}, 10, "activities:full"),
    ("v1/users", None, 20, "users:read"),
)


class Numbered(Struct, frozen=True):
    id: int


class Access(Struct, frozen=True):
    admin: bool = False


class Me(Struct, frozen=True):
    id: int
    name: str | None = None
    company_id: int | None = None
    company_name: str | None = None
    company_domain: str | None = None
    access: list[Access] | None = None

    @property
    def sees_less(self) -> bool:
        """Visibility groups hide rows without an error from who is no administrator."""
        return bool(self.access) and not any(one.admin for one in self.access or ())


class Kind(Struct, frozen=True):
    key_string: str
    active_flag: bool = True


def whoami(company: Company) -> Me:
    return decode(company.read("v1/users/me", None, 2).envelope.data, Me)


def check(company: Company, config: PipedriveConfig) -> str:
    """What to call the account: the company and the user we are. Raises a ConnectorError."""
    host = config.origin.partition("://")[2]
    try:
        me = whoami(company)
    except Unavailable as error:
        raise Unavailable(
            f"Pipedrive at {host} does not answer: {error.message.removeprefix(UNREACHABLE)}",
            next_step="Check the address for typing errors, and that this machine may reach it.",
        ) from error
    except NotFound as error:
        raise NotPermitted(
            f"There is no Pipedrive at {host}.", next_step="Correct the company's address."
        ) from error
    if config.company_id is not None and me.company_id != config.company_id:
        raise NotPermitted(
            f"The token is of company {me.company_id}, not {config.company_id}.",
            next_step="Connect with a token of the same company, or under another name.",
        )
    _check_rights(company, config)
    _check_kind(company, config)
    _check_fields(company, config)
    _check_goals(company, config)
    name = me.company_name or me.company_domain or host
    limits = ", who is no administrator" if me.sees_less else ""
    return f"{name} ({me.name or me.id}){limits}"


def _check_rights(company: Company, config: PipedriveConfig) -> None:
    for path, params, cost, scope in READS:
        _allowed(company, path, params, cost, scope)
    if config.stage_history == "all":
        shown = company.read("v2/deals", {"limit": 1}, 10).envelope.data
        for deal in listed(shown, list[Numbered]):
            path = f"v1/deals/{deal.id}/changelog"
            _allowed(company, path, {"limit": 1}, 20, "recents:read")


def _allowed(
    company: Company, path: str, params: Mapping[str, Any] | None, cost: int, scope: str
) -> None:
    try:
        company.read(path, params, cost)
    except Forbidden as error:
        raise NotPermitted(
            f"The key lacks the right {scope}: {error.message}",
            next_step="Give the user or the app that right in Pipedrive, then run a check.",
        ) from error


def _check_kind(company: Company, config: PipedriveConfig) -> None:
    """An unknown type of activity would refuse every task."""
    kinds = company.get("v1/activityTypes", list[Kind], 20)
    known = [one.key_string for one in kinds if one.active_flag]
    if config.task_type in known:
        return
    near = get_close_matches(config.task_type, known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise NotPermitted(
        f"Pipedrive has no active activity type {config.task_type!r}.",
        next_step=f"{meant}task_type may be: {', '.join(known)}.",
    )


def _check_fields(company: Company, config: PipedriveConfig) -> None:
    if not config.fields:
        return
    known = {field.name for field in remote_fields(company, Stream.DEALS)}
    unknown = sorted(set(config.fields.values()) - known)
    if unknown:
        raise NotPermitted(
            f"Deals have no field {', '.join(unknown)}.",
            next_step="Correct the mapping of custom fields, then run a check.",
        )


def _check_goals(company: Company, config: PipedriveConfig) -> None:
    """Which kinds of goals there are is documented; no call tells them."""
    unknown = sorted(set(config.goals.values()) - set(KINDS))
    if unknown:
        raise NotPermitted(
            f"Pipedrive has no goal of type {', '.join(map(repr, unknown))} for a KPI target.",
            next_step=f"goals may name: {', '.join(KINDS)}.",
        )
    if config.goals:
        _allowed(company, "v1/goals/find", {"type.name": KINDS[0]}, 20, "goals:full")
