"""Whether a connection works: the token is good, of the right company, and sees everything."""

from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches

from msgspec import Struct

from connectors.errors import ConnectorError, NotFound, NotPermitted, Unavailable
from connectors.http import UNREACHABLE
from connectors.pipedrive.config import PipedriveConfig
from connectors.pipedrive.wire import Company, Forbidden, decode

READS = (
    ("v2/deals", {"limit": 1}, 10, "deals:read"),
    ("v1/leads", {"limit": 1}, 20, "leads:read"),
    ("v2/persons", {"limit": 1}, 10, "contacts:read"),
    ("v2/activities", {"limit": 1}, 10, "activities:full"),
    ("v1/users", None, 20, "users:read"),
)


class Access(Struct, frozen=True):
    app: str = ""
    admin: bool = False


class Me(Struct, frozen=True):
    id: int
    name: str | None = None
    company_id: int | None = None
    company_name: str | None = None
    company_domain: str | None = None
    access: list[Access] | None = None


class Kind(Struct, frozen=True):
    key_string: str
    active_flag: bool = True


class Field(Struct, frozen=True):
    field_code: str
    field_name: str | None = None


def whoami(company: Company) -> tuple[Me, datetime | None]:
    read = company.read("v1/users/me", None, 2)
    return decode(read.envelope.data, Me), read.now


def check(company: Company, config: PipedriveConfig) -> str:
    """What to call the account: the company and the user we are. Raises a ConnectorError."""
    host = config.origin.partition("://")[2]
    try:
        me, _ = whoami(company)
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
    for path, params, cost, scope in READS:
        _allowed(lambda p=path, q=params, c=cost: company.read(p, q, c), scope)  # type: ignore[misc]  # bound early on purpose
    _check_kind(company, config)
    _check_fields(company, config)
    name = me.company_name or me.company_domain or host
    return f"{name} as {me.name or f'user {me.id}'}"


def _allowed(ask: Callable[[], object], scope: str) -> None:
    try:
        ask()
    except Forbidden as error:
        raise NotPermitted(
            f"The key lacks the right {scope}: {error.message}",
            next_step="Give the user or the app that right in Pipedrive, then run a check.",
        ) from error


def _check_kind(company: Company, config: PipedriveConfig) -> None:
    """An unknown type of activity would refuse every task."""
    known = [one.key_string for one in _kinds(company) if one.active_flag]
    if config.task_type in known:
        return
    near = get_close_matches(config.task_type, known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise _wrong(
        f"Pipedrive has no active activity type {config.task_type!r}.",
        f"{meant}task_type may be: {', '.join(known)}.",
    )


def _kinds(company: Company) -> list[Kind]:
    return company.get("v1/activityTypes", list[Kind], 20)


def _check_fields(company: Company, config: PipedriveConfig) -> None:
    if not config.fields:
        return
    known = {field.field_code for field in company.every("v2/dealFields", list[Field], 10).rows}
    unknown = sorted(set(config.fields.values()) - known)
    if unknown:
        raise _wrong(
            f"Deals have no field {', '.join(unknown)}.",
            "Correct the mapping of custom fields, then run a check.",
        )


def _wrong(message: str, next_step: str) -> ConnectorError:
    return NotPermitted(message, next_step=next_step)
