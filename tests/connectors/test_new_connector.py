"""docs/new-connector.md, followed word by word: its files make a package that works."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.runner import free_port
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "new-connector.md"
FILES = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
SECTION = "## What to run"
BLOCKS = re.compile(r"^```\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
KEY = re.compile(r"the key\s+that is asked for is `([\w-]+)`")
PORT, DEALS = "9009", 250


class Installed:
    """The package where `pip` put it, and a home of its own."""

    def __init__(self, packages: Path, home: Path) -> None:
        kept = {name: each for name, each in os.environ.items() if not name.startswith("RETRO_")}
        self.environ = {
            **kept,
            "PYTHONPATH": str(packages),
            **exported(),
            "RETRO_HOME": str(home),
        }

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=self.environ,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def retro(self, *words: str, given: str = "") -> Any:
        done = self.run("workers", *words, "--json", given=given)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def serving(self, words: Sequence[str]) -> Iterator[None]:
        command = [sys.executable, "-m", "workers", *words, "--json"]
        with subprocess.Popen(
            command, cwd=ROOT, env=self.environ, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout is not None
                assert json.loads(server.stdout.readline())["settings"]
                yield
            finally:
                server.terminate()


def commands() -> list[list[str]]:
    """Those of the page, at a port that is free."""
    port = str(free_port())
    section = PAGE.read_text(encoding="utf-8").partition(f"\n{SECTION}\n")[2].partition("\n## ")[0]
    blocks = BLOCKS.findall(section)
    return [
        shlex.split(line.replace(PORT, port)) for block in blocks for line in block.splitlines()
    ]


def exported() -> Mapping[str, str]:
    found = (
        word.partition("=") for words in commands() if words[0] == "export" for word in words[1:]
    )
    return {name: value for name, _, value in found}


@pytest.fixture(scope="module")
def abacus(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder, packages = tmp_path_factory.mktemp("abacus"), tmp_path_factory.mktemp("packages")
    for name, content in FILES.findall(PAGE.read_text(encoding="utf-8")):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    # As `pip install .` does, but beside the environment and with what is installed already.
    words = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(packages)]
    subprocess.run([sys.executable, "-m", "pip", *words, str(folder)], check=True)
    return Installed(packages, tmp_path_factory.mktemp("home"))


def test_the_commands_of_the_page_connect_it_and_read_it(abacus: Installed) -> None:
    """In their order; what is installed, the fixture has done, and the kit is tried below."""
    retro = [words for words in commands() if words[0] == "retro"]
    serves = next(words for words in retro if words[1] == "sandbox")
    asked = KEY.search(PAGE.read_text(encoding="utf-8"))
    assert asked is not None
    said = {}
    with abacus.serving(serves[1:]):
        for _, *words in retro:
            if words != serves[1:]:
                done = abacus.run("workers", *words, given=f"{asked[1]}\n")
                assert done.returncode == 0, (words, done.stderr)
                said[words[0]] = done.stdout
        (run,) = [one for one in abacus.retro("runs") if one["stream"] == "deals"]
    assert list(said) == ["tools", "connect", "pull", "records"]
    assert "Abacus of Ada Ltd" in said["connect"]
    assert (run["status"], run["read"]) == ("succeeded", DEALS)
    assert said["records"].count("Deal ") == 3
    (deal,) = abacus.retro("records", "deals", "--limit", "1")
    assert (deal["id"], deal["title"], deal["amount"]) == ("1", "Deal 0", "90.50")


def test_what_the_page_makes_is_proven_by_the_kit(abacus: Installed) -> None:
    tried = abacus.run("tests.connectors.conformance", "abacus.case")
    assert (tried.returncode, tried.stderr) == (0, ""), tried.stdout
    (said,) = tried.stdout.splitlines()
    assert said in PAGE.read_text(encoding="utf-8")
    assert abacus.retro("tools", "abacus")[0]["card"]["proven"]


def test_a_package_that_does_not_fit_is_named_and_takes_nothing_with_it(
    abacus: Installed, tmp_path: Path
) -> None:
    info = tmp_path / "retro_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: retro-broken\nVersion: 1.0\n")
    points = ["broken = no_such_module:Tool", "files = abacus.connector:Abacus"]
    (info / "entry_points.txt").write_text("\n".join(["[retro_roi.connectors]", *points]))
    packages = os.pathsep.join([str(tmp_path), abacus.environ["PYTHONPATH"]])
    both = Installed(Path(packages), tmp_path / "home")
    refused = both.run("workers", "tools", "broken")
    assert refused.returncode == 1
    assert "The package retro-broken brings 'broken', which cannot be used: No module" in (
        refused.stderr
    )
    assert both.retro("tools", "abacus")[0]["kind"] == "abacus"
    told = both.run("workers", "doctor").stdout
    assert "tool broken" in told
    assert "the product has a tool of that kind itself" in " ".join(told.split())
