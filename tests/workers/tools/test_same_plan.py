"""The same retro file in five tools: the same plan, and the same writes, but for what a KPI target
becomes, which `retro tools` says of each."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24 import sandbox as bitrix24
from connectors.capabilities import WritesTargets
from connectors.hubspot import sandbox as hubspot
from connectors.pipedrive import sandbox as pipedrive
from connectors.registry import shipped_tools
from connectors.salesforce import sandbox as salesforce
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.runner import free_port, serving
from tests.connectors.test_target_forms import TARGET, form
from tests.connectors.tryton.server import Server
from tests.portal import new_database
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_deciding import EMAILS
from workers.target_forms import form_json

pytestmark = pytest.mark.real
HOST = "127.0.0.1"
SANDBOXES = {each.KIND: each.make for each in (bitrix24, hubspot, pipedrive, salesforce)}
TOOLS = (*SANDBOXES, "tryton")
# Who has no object for the target of this KPI, as it is connected here.
FALLBACKS = {"hubspot", "pipedrive", "tryton"}
PEOPLE = {"p_mkt": "Marketer CRM", "p_des": "Designer"}
RETRO = """\
retro: R-2026-11-23
held_at: 2026-11-23T10:00:00+01:00
goal: {kpi: transactional_email_click_rate, direction: increase}
participants: [{person: p_mkt, hours: 1.5}]
observations:
  - {id: O-1, text: trop peu de clics, kpis: [transactional_email_click_rate]}
decisions:
  - id: D-same-button
    from: O-1
    type: improve_kpi
    text: nouveau gabarit du bouton
    kpi: transactional_email_click_rate
    target_relative: 0.15
    accountable: p_mkt
    helpers: [p_des, p_mkt]
    due_business_days: 15
  - id: D-same-list
    from: O-1
    type: task
    text: nettoyer la liste
    accountable: p_des
    due_on: 2026-12-18
"""
Json = dict[str, Any]


@contextmanager
def settings_of(kind: str, tryton: Server) -> Iterator[Mapping[str, Any]]:
    if kind not in SANDBOXES:
        yield tryton.settings(project="1")
        return
    port = free_port()
    app, told = SANDBOXES[kind](Knobs(records=20, limit="off"), f"http://{HOST}:{port}")
    with serving(app, port=port):
        yield told["settings"]


def prepared(retro: Retro, kind: str, settings: Mapping[str, Any], folder: Path) -> None:
    """Connected, with two people matched, a file of mails, and the retro."""
    given = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    assert retro("connect", kind, kind, *given).status == 0
    assert retro("pull", kind, "--stream", "people").status == 0
    emails = sorted(one["email"] for one in accounts(retro).values() if one["email"])
    people = [
        {"id": id_, "name": role, "role": role, "email": email}
        for (id_, role), email in zip(PEOPLE.items(), emails, strict=False)
    ]
    (folder / "people.json").write_text(json.dumps({"people": people}))
    assert retro("people", "import", str(folder / "people.json")).status == 0
    assert retro("people", "match").status == 0
    (folder / "mails").mkdir()
    (folder / "mails" / "emails.csv").write_text(EMAILS)
    assert retro("connect", "files", "mails", "--set", f"folder={folder / 'mails'}").status == 0
    assert retro("pull", "mails").status == 0
    (folder / "retro.yaml").write_text(RETRO)
    assert retro("import", str(folder / "retro.yaml")).status == 0


def accounts(retro: Retro) -> dict[str, Json]:
    lines = retro("records", "people").out.splitlines()
    return {one["id"]: one for one in map(json.loads, lines) if one["active"]}


def planned(retro: Retro, kind: str) -> Json:
    """The plan and the writes that follow from it, without the name of the connection and with
    people in place of their accounts; what a call costs is the tool's matter."""
    plan = retro("plan", "--json").document
    assert (plan.pop("api_calls").keys(), plan["refused"]) == ({kind}, [])
    assert retro("apply", "--json").status == 0
    answer = retro("push", kind, "--dry-run", "--json")
    (told,) = answer.document["dry_runs"]
    assert (answer.status, told["status"]) == (0, "succeeded")
    people = {each["accounts"][kind]: each["id"] for each in retro("people", "--json").document}
    writes = [
        {
            "write": [one[name] for name in ("key", "operation", "subject", "state", "error")],
            "becomes": one["becomes"],
            "fields": {
                each["field"]: people.get(each["after"], each["after"])
                if each["field"] == "owner"
                else each["after"]
                for each in one["changes"]
            },
        }
        for one in told["writes"]
    ]
    for each in (*plan["actions"], *plan["targets"]):
        assert each.pop("connection") == kind
    return {**plan, "writes": writes}


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Element by element, so that a failure names it."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for name in sorted(one.keys() | other.keys())
            for found in differences(one.get(name), other.get(name), f"{path}.{name}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found
            for number, (left, right) in enumerate(zip(one, other, strict=True))
            for found in differences(left, right, f"{path}[{number}]")
        ]
    return [] if one == other else [f"{path}: {one!r} and {other!r}"]


@dataclass(frozen=True)
class Told:
    """What one tool's installation says: the plan and its writes, also in text, and `retro tools`.
    `written` is what the target is in the tool by the id it got there."""

    plan: Json
    text: str
    tool: Json
    tool_text: str
    written: Json

    @property
    def forms(self) -> list[Json]:
        """What its targets become, by the plan and by the dry run."""
        writes = [each for each in self.plan["writes"] if each["becomes"]]
        return [each["becomes"] for each in (*self.plan["targets"], *writes)]


def told_by(retro: Retro, kind: str, settings: Mapping[str, Any]) -> Told:
    text = retro("plan").out
    (tool,) = retro("tools", kind, "--json").document
    tool_text = retro("tools", kind).out
    plan = planned(retro, kind)
    text += retro("push", kind, "--dry-run").out
    assert retro("push", kind).status == 0
    (remote_id,) = [
        row["remote_id"]
        for row in retro("outbox", "--json").document
        if row["operation"] == "create_target"
    ]
    written = form_json(form(kind, TARGET, remote_id, **settings))
    assert written is not None
    return Told(plan, text, tool, tool_text, written)


def without_forms(plan: Json) -> Json:
    kept: Json = json.loads(json.dumps(plan))
    for each in (*kept["targets"], *kept["writes"]):
        each.pop("becomes")
    return kept


def test_five_tools_plan_the_same_but_for_the_fallbacks_that_retro_tools_marks(
    tryton: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    bare_environ: pytest.MonkeyPatch,
) -> None:
    found: dict[str, Told] = {}
    bare_environ.setenv("RETRO_ALLOW_PRIVATE_HOSTS", "1")
    for kind in TOOLS:
        folder = tmp_path / kind
        bare_environ.setenv("RETRO_HOME", str(folder / "home"))
        new_database(folder / "home" / "retro.db").close()
        retro = Retro(folder / "home", capsys, bare_environ)
        with settings_of(kind, tryton) as settings:
            prepared(retro, kind, settings, folder)
            found[kind] = told_by(retro, kind, settings)

    first = without_forms(found["bitrix24"].plan)
    assert (len(first["actions"]), len(first["targets"]), len(first["writes"])) == (3, 1, 4)
    for kind, told in found.items():
        assert differences(first, without_forms(told.plan)) == [], kind
        # The plan, its dry run and `retro tools` say the same of the target, in text as well.
        planned_as, promised_as = told.forms
        assert planned_as == promised_as == told.written
        assert planned_as in told.tool["target_forms"]
        name, why = planned_as["name"]["en"], planned_as["why"]
        line = f"in {kind}: {name}" + (f" (fallback: {why['en']})" if why else "") + "\n"
        assert told.text.count(line) == 2
        row = {"fallback" if why else "native", *name.split(), *(why["en"].split() if why else ())}
        assert row <= set(told.tool_text.split())
    assert {kind for kind, told in found.items() if told.forms[0]["fallback"]} == FALLBACKS


def test_every_tool_that_takes_targets_is_among_them() -> None:
    able = {kind for kind, tool in shipped_tools().items() if issubclass(tool, WritesTargets)}
    assert able == set(TOOLS)
