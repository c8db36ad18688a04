"""Whether a connection works: the server answers, the key is good and may do what we need."""

from collections.abc import Sequence

from msgspec import Struct

from connectors.errors import NotFound, NotPermitted, Unavailable
from connectors.http import UNREACHABLE
from connectors.tryton.config import TrytonConfig
from connectors.tryton.tasks import Tasks
from connectors.tryton.wire import Server

# Module → a model that comes with it.
MODULES = {"sale_opportunity": "sale.opportunity", "project_plan": "project.allocation"}


# Model → what the key's user must be allowed to do with its records.
RIGHTS = {
    "sale.opportunity": ("read",),
    "party.party": ("read",),
    "company.employee": ("read",),
    "project.work": ("read", "create", "write"),
}


class Preferences(Struct, frozen=True):
    """Of the key's user. `company` is where the user is at work now."""

    company: int | None = None
    companies: Sequence[int] = ()


class Named(Struct, frozen=True):
    name: str


def whoami(server: Server) -> Preferences:
    return server.call("res.user", "get_preferences", {"context_only": True}).decode(Preferences)


def check(server: Server, tasks: Tasks, config: TrytonConfig) -> str:
    """What to call the account: its host and database. Raises a ConnectorError."""
    host = config.server.partition("://")[2]
    try:
        known = whoami(server)
    except Unavailable as error:
        raise Unavailable(
            f"The server {host} does not answer: {error.message.removeprefix(UNREACHABLE)}",
            next_step="Check the address for typing errors, and that this machine may reach it.",
        ) from error
    except NotFound as error:
        raise NotPermitted(
            f"The server {host} has no database {config.database}, or no REST of Tryton 8.",
            next_step="Correct the settings server and database, then connect again.",
        ) from error
    _check_modules(server)
    company_of(config, known)
    _check_rights(server)
    tasks.check()
    return f"{host}/{config.database}"


def _check_rights(server: Server) -> None:
    told = server.call("ir.model.access", "get_access", {"models": list(RIGHTS)})
    may = told.decode(dict[str, dict[str, bool | int]])
    missing = [
        f"{right} {model}"
        for model, rights in RIGHTS.items()
        for right in rights
        if not may[model].get(right)
    ]
    if missing:
        raise NotPermitted(
            f"The key's user lacks these rights: {', '.join(missing)}.",
            next_step="Add the user to the groups Sales and Project Administration, then run a "
            "check.",
        )


def company_of(config: TrytonConfig, known: Preferences) -> int:
    company = config.company or known.company
    if company is None or (known.companies and company not in known.companies):
        raise NotPermitted(
            "The key's user has no company in Tryton."
            if company is None
            else f"The key's user may not work in the company {company}.",
            next_step="Give the user a company in Tryton, or set company, then run a check.",
        )
    return company


def _check_modules(server: Server) -> None:
    wanted = [["name", "in", list(MODULES.values())]]
    there = {row.name for row in server.search("ir.model", wanted, ("name",)).rows(Named)}
    missing = [module for module, model in MODULES.items() if model not in there]
    if missing:
        raise NotPermitted(
            f"The database lacks these modules: {', '.join(missing)}.",
            next_step="Activate them in Tryton (Administration > Modules), then run a check.",
        )
