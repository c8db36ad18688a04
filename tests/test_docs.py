"""README.md says what the code says, and DECISIONS.md keeps its form."""

import re
import shlex
from pathlib import Path

import click
import pytest

from config.shipped import shipped_text
from connectors.registry import tools
from rules.kpi_catalogue import parse_catalogue
from rules.retro_file import parse_retro
from rules.yaml_document import YamlDocument
from tests import guarantees, readme
from tests.conftest import ROOT
from workers.cli.main import COMMANDS, LazyCommands, retro
from workers.people_file import PeopleFile

TEXT = readme.README.read_text(encoding="utf-8")


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content."""
    return re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)


BLOCKS = blocks(TEXT)
TOOLS = sorted((ROOT / "docs" / "tools").glob("*.md"))
LINES = [
    # Without what the shell takes for itself: comments, and what is read from a file.
    re.split("[#<]", line)[0].strip()
    for text in (TEXT, *(page.read_text("utf-8") for page in TOOLS))
    for language, block in blocks(text)
    if not language
    for line in block.splitlines()
    if line.strip().startswith("retro ")
]
# In the running text, and in what the comments beside the commands name.
NAMED = re.findall(r"`retro ([a-z][a-z-]*)", TEXT) + [
    name for line in LINES for name in re.findall(r"\bretro ([a-z][a-z-]*)", line)
]
PAGES = [ROOT / "README.md", ROOT / "DECISIONS.md", ROOT / "web" / "README.md"]
PAGES += [ROOT / "docs" / "deployment.md", ROOT / "docs" / "new-connector.md", *TOOLS]
LONGEST_ENTRY = 16


@pytest.mark.parametrize("name", readme.TABLES)
def test_a_generated_table_is_as_the_code_says(name: str) -> None:
    assert readme.part(TEXT, name) == readme.TABLES[name]()


def test_writing_the_readme_anew_changes_nothing() -> None:
    assert readme.written_anew(TEXT) == TEXT


def test_a_default_that_is_worked_out_is_left_to_its_description() -> None:
    assert "Undefined" not in TEXT
    assert "| `RETRO_DATABASE_URL` |  | postgresql" in TEXT


def test_every_command_that_is_named_exists() -> None:
    absent = {name for name in NAMED if name not in COMMANDS}
    assert absent == set()
    assert len(LINES) > 15


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_is_understood(line: str) -> None:
    """Parsed as far as its options; nothing is run."""
    _, name, *arguments = shlex.split(line)
    assert isinstance(retro, LazyCommands)
    command = retro.get_command(click.Context(retro), name)
    assert command is not None
    known = [each.replace("retro.yaml", "README.md") for each in arguments]
    known = [each.replace("people.yaml", "README.md") for each in known]
    command.make_context(name, known)


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("retro connect ")])
def test_a_connection_is_shown_with_settings_that_the_tool_has(line: str) -> None:
    _, _, kind, _, *options = shlex.split(line)
    given = {each.partition("=")[0].partition(".")[0] for each in options[1::2]}
    assert given <= tools()[kind].Config.model_fields.keys()


@pytest.mark.parametrize("target", ["demo", "run", "test", "bench", "check"])
def test_every_target_that_is_named_is_in_the_makefile(target: str) -> None:
    assert f"make {target}" in TEXT
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_the_yaml_blocks_are_taken_as_they_stand() -> None:
    people_text, retro_text = (block for language, block in BLOCKS if language == "yaml")
    people = YamlDocument.read(people_text, "people.yaml").validated(PeopleFile).people
    kpis = parse_catalogue(shipped_text("kpis.yaml"), "kpis.yaml").by_code()
    retro = parse_retro(retro_text, "retro.yaml", people=[each.id for each in people], kpis=kpis)
    assert [each.id for each in retro.decisions] == ["D-email-ctr"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_no_promise_is_shown_as_broken() -> None:
    assert ": failed" not in guarantees.PAGE.read_text(encoding="utf-8")


def test_decisions_come_in_short_entries_of_one_form() -> None:
    text = (ROOT / "DECISIONS.md").read_text(encoding="utf-8")
    entries = [each.strip() for each in text.split("\n## ")[1:]]
    assert len(entries) > 15
    for entry in entries:
        title, *lines = entry.splitlines()
        body = "\n".join(lines)
        words = ("**Context.**", "**Decision.**", "**Refused.**", "**Consequence.**")
        assert [body.count(word) for word in words] == [1, 1, 1, 1], title
        assert len([line for line in lines if line]) <= LONGEST_ENTRY, title


def test_the_page_of_guarantees_names_the_tests_that_there_are() -> None:
    """How they last went is left out: that is of another run."""
    text = guarantees.PAGE.read_text(encoding="utf-8")
    assert guarantees.without_results(text) == guarantees.without_results(guarantees.page({}))


@pytest.mark.parametrize("promise", guarantees.PROMISES)
def test_every_promise_has_a_test(promise: str) -> None:
    assert guarantees.tests_by_promise()[promise]
