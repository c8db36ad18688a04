"""docs/new-connector.md, followed word by word: its files make a package that works."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "new-connector.md"
FILES = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
DEALS = 250


class Installed:
    """The package where `pip` put it, and a home of its own."""

    def __init__(self, packages: Path, home: Path) -> None:
        kept = {name: each for name, each in os.environ.items() if not name.startswith("RETRO_")}
        self.environ = {
            **kept,
            "PYTHONPATH": str(packages),
            "RETRO_HOME": str(home),
            "RETRO_ALLOW_PRIVATE_HOSTS": "1",
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
    def sandbox(self) -> Iterator[Mapping[str, str]]:
        """What to connect with."""
        command = [sys.executable, "-m", "workers", "sandbox", "abacus", "--records", str(DEALS)]
        with subprocess.Popen(
            [*command, "--json"], cwd=ROOT, env=self.environ, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout is not None
                yield json.loads(server.stdout.readline())["settings"]
            finally:
                server.terminate()


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


def test_what_the_page_makes_is_connected_and_read(abacus: Installed) -> None:
    assert abacus.retro("tools", "abacus")[0]["kind"] == "abacus"
    with abacus.sandbox() as settings:
        server = f"server={settings['server']}"
        made = ("connect", "abacus", "crm", "--set", server, "--secret", "key")
        connected = abacus.retro(*made, given=f"{settings['key']}\n")
        assert connected["account"] == "Abacus of Ada Ltd"
        runs = abacus.retro("pull", "crm")["runs"]
        read = {run["stream"]: (run["status"], run["read"], run["complete"]) for run in runs}
        assert read["deals"] == ("succeeded", DEALS, True)
        assert read["people"] == ("succeeded", 2, True)
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
