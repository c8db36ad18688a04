"""The page tells users how to try Tryton: its commands are what the tests start the server with."""

import shlex
import tomllib

import click
import pytest

from tests.conftest import ROOT
from tests.connectors.tryton.server import ADDRESS, PAGE, RETRO, SHELL, Server
from tests.workers.cli.kit import Retro
from workers.cli.main import LazyCommands
from workers.cli.main import retro as retro_command

TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = [line for line in RETRO.splitlines() if line.startswith("retro ")]
# What a test runs of them: all but the pip of a new environment, since the tests have one.
RUN = ("mkdir ", "touch ", "printf ", "TRYTONPASSFILE=", "server/bin/trytond ")


def installed() -> dict[str, str]:
    (line,) = [line for line in SHELL.splitlines() if "pip install" in line]
    return dict(package.split("==") for package in line.split()[2:])


def test_the_page_installs_what_the_tests_do() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = project["project"]["optional-dependencies"]["dev"]
    assert installed() == dict(each.split("==") for each in pinned if each.startswith("trytond"))
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for name, version in installed().items():
        assert f"{name.replace('-', '_')}=={version}" in constraints


def test_every_command_of_the_page_is_run_by_the_tests() -> None:
    left = [line for line in SHELL.splitlines() if not line.startswith(RUN)]
    assert [line.split()[:2] for line in left] == [
        ["python3", "-m"],
        ["server/bin/pip", "install"],
    ]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_line_is_understood(line: str) -> None:
    _, name, *arguments = shlex.split(line.split("<")[0])
    assert isinstance(retro_command, LazyCommands)
    command = retro_command.get_command(click.Context(retro_command), name)
    assert command is not None
    command.make_context(name, arguments)


@pytest.mark.real
def test_the_commands_of_the_page_do_what_it_says(tryton: Server, retro: Retro) -> None:
    said = {}
    for line in COMMANDS:
        command, _, file = line.replace(f"http://{ADDRESS}", tryton.base).partition("<")
        given = (tryton.folder / file.strip()).read_text() if file else ""
        answer = retro(*shlex.split(command)[1:], given=given)
        assert answer.status == 0, answer.err
        said[line.split()[1]] = answer.out
    assert f"erp is connected to {tryton.base.removeprefix('http://')}/retro" in said["connect"]
    assert "Second site" in said["records"]
    again = retro("pull", "erp", "--json").document["runs"]
    assert {(run["created"], run["updated"], run["deleted"]) for run in again} == {(0, 0, 0)}
