"""Connects a tool: settings from words, tried before anything is stored."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from connectors.capabilities import ListsFields, PassesOver, TakesConsent
from connectors.errors import ConnectorError
from connectors.models import Stream
from connectors.port import Connector, ConnectorConfig
from connectors.registry import tool
from sync import health
from sync.store import audit, cancelling, connections, cursors
from sync.tables.connections import Connection
from sync.vault import SecretsUnreadable
from workers import consenting
from workers.app import App
from workers.clock import machine_now
from workers.consenting import REFRESH_TOKEN, Consent
from workers.errors import CannotRun
from workers.hand import this_hand

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
A_CHECK = re.compile(r"then (run a )?check\.")


class BadSettings(CannotRun):
    """The text names the settings that are missing or wrong."""


@dataclass(frozen=True)
class Connected:
    """`reads_again`: settings that shape records have changed, so the next pulls are full. `twins`
    are the other connections to this account, whose records count once more."""

    name: str
    account: str
    reads_again: bool
    twins: Sequence[str] = ()


@dataclass(frozen=True)
class Checked:
    """`state` after the check, and what the tool calls the account."""

    name: str
    account: str | None
    state: str


def connect(
    app: App, kind: str, name: str, given: Mapping[str, str], consent: Consent | None = None
) -> Connected:
    """Try the settings and store them; a connection of this name, kind and account is updated.

    Raises UnknownTool, BadSettings, OtherAccount, ConnectorError; then nothing is stored.
    """
    return connect_as(app, kind, name, read_config(tool(kind), given), consent)


def consent_again(app: App, name: str, consent: Consent) -> Connected:
    """A new pair for an app that is connected. Raises UnknownConnection, BadSettings where the
    settings sign in another way, OtherAccount, ConnectorError; then nothing is stored."""
    with app.database.reading() as session:
        row = connections.connection_named(session, name)
    config = connections.config_of(row, tool(row.kind), app.vault)
    return connect_as(app, row.kind, name, config, replace(consent, anew=True))


def map_fields(app: App, name: str, stream: Stream, wanted: Mapping[str, str]) -> Connected:
    """Add custom fields, ours to the tool's, to those that are read; the next pull is full.

    Raises UnknownConnection, BadSettings for a field that the tool does not have, ConnectorError.
    """
    with app.database.reading() as session:
        row = connections.connection_named(session, name)
    with closing(app.connector(row)) as connector:
        known = getattr(connector.config, "fields", None)
        if known is None or not isinstance(connector, ListsFields):
            raise BadSettings(f"{connector.label} has no custom fields to map.")
        there = {each.name for each in connector.fields(stream)}
        for remote in wanted.values():
            if remote not in there:
                step = f"retro fields {name} {stream.value} lists them."
                raise BadSettings(f"{stream.value} have no field {remote!r} in {name}; {step}")
        config = connector.config.model_copy(update={"fields": {**known, **wanted}})
    return connect_as(app, row.kind, name, config)


def connect_as(
    app: App, kind: str, name: str, config: ConnectorConfig, consent: Consent | None = None
) -> Connected:
    """The same with settings that were read already."""
    tool_class = tool(kind)
    _check_name(app, name)
    _check_consent(app, tool_class, config, consent)
    with app.database.reading() as session:
        stored = connections.find_connection(session, name)
    with _nothing_to_check_yet():
        tried = consenting.try_out(app, tool_class, config, stored, consent)
    config = config.model_copy(update=dict(tried.learned))
    if app.settings.clock is not None and not tried.sandbox:
        raise CannotRun(
            "RETRO_CLOCK moves business time, so only sandboxes can be connected; "
            "unset RETRO_CLOCK to connect a live account."
        )
    now = machine_now()
    with (
        consenting.no_renewal(app, stored, tried),
        app.database.writing() as session,
    ):
        known = connections.find_connection(session, name)
        before = audit.told_of_connection(known)
        reshaped = False
        if known is not None and known.kind == kind:
            known.identity = known.identity or _identity(app, known)
            reshaped = bool(connections.differing_settings(known, config) & tool_class.shaping)
        row = connections.save_connection(
            session,
            app.vault,
            kind=kind,
            name=name,
            config=config,
            account=tried.account,
            sandbox=tried.sandbox,
            at=now,
            identity=tried.identity,
            token=tried.token,
            keep_token=tried.keeps_token,
        )
        assert row.id is not None
        row.checked_at = now
        after = audit.told_of_connection(row)
        audit.note(session, this_hand(), "connect", name, before=before, after=after)
        twins = [
            each.name
            for each in connections.all_connections(session)
            if each.kind == kind and each.id != row.id
            if set(each.identity or ()) & set(row.identity or ())
        ]
        if reshaped:
            # Those under way read by the old settings.
            cancelling.cancel_pulls(session, row.id, now)
            cursors.read_everything_again(session, row.id)
    return Connected(name, tried.account, reshaped, twins)


@contextmanager
def _nothing_to_check_yet() -> Iterator[None]:
    """What is refused now is not stored, so it is connected again rather than checked."""
    try:
        yield
    except ConnectorError as error:
        error.next_step = A_CHECK.sub("then connect again.", error.next_step)
        raise


def _check_consent(
    app: App, tool_class: type[Connector[Any]], config: ConnectorConfig, consent: Consent | None
) -> None:
    """Raises BadSettings where a consent is given that the settings have no use for."""
    if consent is None or not (consent.anew or consent.refresh_token):
        return
    with closing(app.unstored(tool_class, config)) as connector:
        if consenting.server_of(connector) is None:
            raise BadSettings(
                f"These settings of {tool_class.label} sign in without a consent in a browser; "
                f"leave out {REFRESH_TOKEN}, or connect it as an app."
            )


def _check_name(app: App, name: str) -> None:
    """The name stands in addresses, variables and log lines. One that is stored already may stay.

    Raises BadSettings.
    """
    if NAME.fullmatch(name):
        return
    with app.database.reading() as session:
        if connections.find_connection(session, name) is None:
            raise BadSettings(
                f"{name!r} cannot be the name of a connection: take a to z, 0 to 9, - and _, at "
                "most 40 of them, beginning with a letter or digit ([a-z0-9][a-z0-9_-]{0,39})."
            )


def _identity(app: App, connection: Connection) -> list[str] | None:
    """Of a connection that was stored before its account was; None when it cannot be told."""
    try:
        with closing(app.connector(connection)) as connector:
            return list(connector.identity())
    except (SecretsUnreadable, ValueError):
        return None


def check(app: App, name: str) -> Checked:
    """Try a stored connection again: a good answer heals it, a bad one breaks it.

    Raises UnknownConnection, ConnectorError.
    """
    with app.database.reading() as session:
        row = connections.connection_named(session, name)
    assert row.id is not None
    try:
        with closing(app.connector(row)) as connector:
            account = connector.check()
            learned = connector.learned()
    except ConnectorError as error:
        with app.database.writing() as session:
            health.note_failure(session, row.id, error)
        raise
    with app.database.writing() as session:
        health.note_success(session, row.id)
        healed = connections.connection_with(session, row.id)
        healed.account, healed.checked_at = account, machine_now()
        if healed.settings == row.settings:
            healed.settings = {**healed.settings, **learned}
        session.add(healed)
    return Checked(name, account, healed.state)


def passed_over(app: App, name: str) -> Sequence[str]:
    """What of the source nothing is read of, a line each; nothing where it cannot be looked at."""
    with app.database.reading() as session:
        row = connections.connection_named(session, name)
    unusable = (ConnectorError, SecretsUnreadable, connections.SettingsOutdated)
    with suppress(*unusable), closing(app.connector(row)) as connector:
        if isinstance(connector, PassesOver):
            return [f"Passed over in {each}." for each in connector.passed_over()]
    return []


def read_config(tool_class: type[Connector[Any]], given: Mapping[str, str]) -> ConnectorConfig:
    """Raises BadSettings. `a.b=c` sets key b of the mapping a; a list is separated by commas."""
    fields = tool_class.Config.model_fields
    nested: dict[str, Any] = {}
    for key, text in given.items():
        name, _, inner = key.partition(".")
        if name not in fields:
            raise BadSettings(f"{tool_class.label} has no setting {name!r}; {_hint(name, fields)}")
        if inner:
            nested.setdefault(name, {})[inner] = text
        else:
            nested[name] = _items(text) if _is_list(fields[name]) else text
    try:
        return tool_class.Config.model_validate(nested)
    except ValidationError as error:
        raise BadSettings(_sentence(tool_class, error)) from None


def check_secrets(tool_class: type[Connector[Any]], keys: Iterable[str]) -> None:
    """Raises BadSettings on a key that is no secret setting of the tool."""
    known = secret_names(tool_class)
    for key in keys:
        if key not in known:
            told = f"{tool_class.label} has no secret setting {key!r}"
            raise BadSettings(f"{told}; {_hint(key, sorted(known))}")


def _hint(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are: {', '.join(known)}." if known else "there is none."


def secret_names(tool_class: type[Connector[Any]]) -> set[str]:
    """With the one that an app may be given in place of a consent."""
    beside = {REFRESH_TOKEN} if issubclass(tool_class, TakesConsent) else set()
    return beside | {
        name for name, field in tool_class.Config.model_fields.items() if _holds_secret(field)
    }


def _holds_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation) or field.annotation is SecretStr


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _is_list(field: FieldInfo) -> bool:
    return str(field.annotation).startswith(("list", "tuple", "frozenset", "set"))


def _sentence(tool_class: type[Connector[Any]], error: ValidationError) -> str:
    """Every setting that is wrong, by name, without its value: it may be a secret."""
    parts = []
    for each in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in each["loc"])
        cause = "is missing" if each["type"] == "missing" else each["msg"]
        cause = cause.removeprefix("Value error, ")
        parts.append(f"{name}: {cause}" if name else cause)
    return f"{tool_class.label} cannot be connected: {'; '.join(parts).rstrip('.')}."
