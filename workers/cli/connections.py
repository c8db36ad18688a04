"""retro tools, connect, connections, check, disconnect, fields."""

import sys
from contextlib import closing
from typing import Any

import click

from connectors.capabilities import CAPABILITIES, ListsFields
from connectors.models import Stream
from connectors.port import Connector
from connectors.registry import tool, tools
from sync.store import audit, connections, freshness
from sync.store.past_runs import away
from workers import connecting, settings_shown
from workers.cards import card_of
from workers.cli.consent import consent_of, redirect_option, show_connected
from workers.cli.context import json_option, opened
from workers.cli.given import secrets_given, settings_given, warn_of_history
from workers.cli.output import Output
from workers.connecting import secret_names
from workers.consenting import REFRESH_TOKEN
from workers.hand import this_hand
from workers.reports import not_reached
from workers.target_forms import form_json


@click.command("tools")
@click.argument("kind", required=False)
@json_option
def tools_command(kind: str | None, as_json: bool) -> None:
    """The tools there are, and what each can do; for one, also what it needs and how it is odd."""
    output = Output(as_json)
    if kind:
        _one_tool(output, tool(kind))
        return
    shown = [_capabilities(each) for each in tools().values()]
    if as_json:
        output.document(shown)
        return
    for each in shown:
        output.text(_line(each))


def _one_tool(output: Output, tool_class: type[Connector[Any]]) -> None:
    shown = _capabilities(tool_class)
    if output.json:
        notes = {
            "scopes": tool_class.scopes,
            "limits": tool_class.limits,
            "quirks": tool_class.quirks,
            "target_forms": [form_json(form) for form in tool_class.target_forms],
        }
        output.document([{**shown, **notes, "card": card_of(tool_class).as_json()}])
        return
    output.text(_line(shown))
    output.text(f"Connect: {settings_shown.connect_line(tool_class)}")
    for hint in settings_shown.hints(tool_class):
        output.text(hint)
    rows = [
        (s["name"], settings_shown.marks(s), settings_shown.about(s)) for s in shown["settings"]
    ]
    output.table("", ("setting", "", ""), rows)
    if tool_class.scopes:
        output.table("", ("scope", "what it is for"), tool_class.scopes.items())
    if tool_class.target_forms:
        output.table("", ("KPI targets", "written as", "because"), _forms(tool_class))
    for title, items in (("Limits", tool_class.limits), ("Quirks", tool_class.quirks)):
        if items:
            output.text(f"{title}:")
        for item in items:
            output.text(f"- {item}")
    card = card_of(tool_class)
    lines = [(line.result, f"{line.says} {line.why or ''}".strip()) for line in card.lines]
    output.table(f"Conformance: {card.summary}", ("result", "row"), lines)


def _forms(tool_class: type[Connector[Any]]) -> list[tuple[str, str, str]]:
    return [
        ("fallback" if form.why else "native", form.name.en, form.why.en if form.why else "")
        for form in tool_class.target_forms
    ]


def _line(shown: dict[str, Any]) -> str:
    proven = "" if shown["proven"] else "unproven; "
    return f"{shown['label']} ({shown['kind']}): {proven}{', '.join(shown['capabilities'])}"


def _capabilities(tool_class: type[Connector[Any]]) -> dict[str, Any]:
    secrets = secret_names(tool_class)
    return {
        "kind": tool_class.kind,
        "label": tool_class.label,
        "docs": tool_class.docs,
        "proven": card_of(tool_class).proven,
        "capabilities": [
            name for name, protocol in CAPABILITIES.items() if issubclass(tool_class, protocol)
        ],
        "settings": [
            {
                "name": name,
                "title": field.title or name,
                "description": field.description or "",
                "required": field.is_required(),
                "secret": name in secrets,
                "default": settings_shown.default_of(field),
            }
            for name, field in tool_class.Config.model_fields.items()
        ],
    }


@click.command("connect")
@click.argument("kind")
@click.argument("name")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting.")
@click.option("--secret", "secrets", multiple=True, metavar="KEY", help="Read it from stdin.")
@redirect_option
@json_option
def connect_command(
    kind: str,
    name: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    redirect: str | None,
    as_json: bool,
) -> None:
    """Try the credentials of a tool, then store the connection; an app asks for consent first."""
    output = Output(as_json)
    given = settings_given(settings)
    connecting.check_secrets(tool(kind), secrets)
    known = secret_names(tool(kind))
    warn_of_history(known & set(given))
    with opened() as app:
        given |= secrets_given(name, known, secrets)
        consent = consent_of(app.settings, redirect, given) if REFRESH_TOKEN in known else None
        done = connecting.connect(app, kind, name, given, consent)
    if as_json:
        output.document(
            {
                "name": name,
                "kind": kind,
                "account": done.account,
                "reads_again": done.reads_again,
            }
        )
    else:
        show_connected(output, done)


@click.command("connections")
@json_option
def connections_command(as_json: bool) -> None:
    """Connections with their state and how fresh their data is."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        found = freshness.connections_with_freshness(session)
        gone = {each.name: away(session, each) for each, _ in found}
        rows = [
            {
                "name": each.name,
                "kind": each.kind,
                "account": each.account,
                "state": each.state.value,
                "error": each.error,
                "fresh_at": fresh,
                "not_reached_since": met.since if (met := gone[each.name]) else None,
            }
            for each, fresh in found
        ]
    if as_json:
        output.document(rows)
        return
    columns = ("name", "kind", "account", "state", "fresh_at")
    output.table("", columns, ([row[column] for column in columns] for row in rows))
    for name, met in gone.items():
        if met:
            output.text(f"{name}: {not_reached(name, met)}")


@click.command("check")
@click.argument("name")
@json_option
def check_command(name: str, as_json: bool) -> None:
    """Try a connection again."""
    output = Output(as_json)
    with opened() as app:
        checked = connecting.check(app, name)
    if as_json:
        output.document(checked)
    else:
        output.text(f"{name} answers as {checked.account}.")


@click.command("disconnect")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def disconnect_command(name: str, yes: bool, as_json: bool) -> None:
    """Forget a connection and its copy of the tool's data."""
    output = Output(as_json)
    with opened() as app:
        with app.database.reading() as session:
            row = connections.connection_named(session, name)
        if not yes:
            _ask_whether_to_forget(name)
        assert row.id is not None
        with app.database.writing() as session:
            connections.forget_connection(session, row.id)
            before = audit.told_of_connection(row)
            audit.note(session, this_hand(), "disconnect", name, before=before)
    if as_json:
        output.document({"name": name, "forgotten": True})
    else:
        output.text(f"{name} is forgotten.")


def _ask_whether_to_forget(name: str) -> None:
    try:
        click.confirm(f"Forget {name} and everything pulled from it?", abort=True, err=True)
    except click.Abort as error:
        if isinstance(error.__context__, EOFError):
            sys.stderr.write("\n")
            raise click.UsageError(
                f"Nobody is there to answer, so {name} is kept; to forget it unasked: "
                f"retro disconnect {name} --yes"
            ) from None
        raise


@click.command("fields")
@click.argument("name")
@click.argument("stream", type=click.Choice([each.value for each in Stream]))
@json_option
def fields_command(name: str, stream: str, as_json: bool) -> None:
    """The fields a tool has for a stream, with samples."""
    output = Output(as_json)
    with opened() as app:
        with app.database.reading() as session:
            row = connections.connection_named(session, name)
        with closing(app.connector(row)) as connector:
            found = connector.fields(Stream(stream)) if isinstance(connector, ListsFields) else ()
        unread = connecting.passed_over(app, name)
    if as_json:
        output.document(found)
        return
    if not found:
        output.text(f"{row.kind} does not describe the fields of {stream}.")
        return
    output.table(
        "",
        ("field", "title", "type", "custom", "samples"),
        ((f.name, f.title, f.type, "yes" if f.custom else "", ", ".join(f.samples)) for f in found),
    )
    for line in unread:
        output.text(line)
