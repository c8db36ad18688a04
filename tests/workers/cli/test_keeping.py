"""retro keys, backup, restore, audit: what an installation is kept by."""

import os
import pwd
import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from config.settings import load_settings
from sync.store.backup import draft_of
from sync.store.connections import all_connections
from sync.vault import Vault, new_key
from tests.connectors.bitrix24.kit import Sandbox
from tests.workers.cli.kit import Retro, webhook_of
from workers.app import App, open_app
from workers.keyring import write_keys


def keys(retro: Retro) -> list[str]:
    return (retro.home / "secret.keys").read_text().split()


def opened(retro: Retro) -> App:
    return open_app(load_settings({"RETRO_HOME": str(retro.home)}))


def sealed(retro: Retro) -> bytes:
    with closing(opened(retro)) as app, app.database.reading() as session:
        (row,) = all_connections(session)
        return row.secrets


def test_rotated_keys_encrypt_everything_again_and_the_old_ones_stay_until_dropped(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)
    (old,), before = keys(retro), sealed(retro)
    with closing(opened(retro)) as running:
        # As the web process has it: opened before, still there afterwards.
        assert retro("keys", "rotate", "--json").document == {
            "action": "rotate",
            "dropped_old": False,
            "connections": 1,
        }
        new, kept = keys(retro)
        assert kept == old
        assert Vault([new]).open(sealed(retro))["webhook"] == webhook_of(portal)
        assert running.vault.open(sealed(retro)) == Vault([old]).open(before)
        # What a running process writes now is under the newest key too.
        assert Vault([new]).open(running.vault.seal({"a": "b"})) == {"a": "b"}
    refused = retro("keys", "rotate", "--drop-old")
    assert (refused.status, keys(retro)) == (1, [new, old])
    assert "add --yes" in refused.sentence
    dropped = retro("keys", "rotate", "--drop-old", "--yes")
    assert dropped.status == 0
    assert "backups that were made before open only with the older keys" in dropped.sentence
    assert "retro backup FILE" in dropped.sentence
    assert keys(retro) == [new]
    assert retro("check", "portal").status == 0
    assert stat.S_IMODE((retro.home / "secret.keys").stat().st_mode) == 0o600


def test_a_crash_between_the_new_key_and_the_encrypting_loses_nothing(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)
    (old,) = keys(retro)
    write_keys(retro.home / "secret.keys", [new_key(), old])
    assert retro("check", "portal").status == 0
    assert retro("keys", "rotate").status == 0
    assert retro("keys", "rotate", "--drop-old", "--yes").status == 0
    assert len(keys(retro)) == 1
    assert retro("check", "portal").status == 0


def test_a_ring_in_the_environment_is_lengthened_by_hand(
    retro: Retro, portal: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = new_key(), new_key()
    monkeypatch.setenv("RETRO_SECRET_KEYS", old)
    retro.connect(portal)
    refused = retro("keys", "rotate")
    assert refused.status == 1
    assert "RETRO_SECRET_KEYS" in refused.sentence
    assert old not in refused.err
    monkeypatch.setenv("RETRO_SECRET_KEYS", f"{new},{old}")
    assert retro("keys", "rotate").status == 0
    monkeypatch.setenv("RETRO_SECRET_KEYS", new)
    assert retro("check", "portal").status == 0
    assert retro("keys", "rotate", "--drop-old", "--yes").status == 1


@pytest.mark.parametrize("given", [True, False])
def test_secrets_under_another_key_are_told_once_with_where_the_keys_come_from(
    retro: Retro, portal: Sandbox, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    retro.connect(portal)
    file = retro.home / "secret.keys"
    (old,) = keys(retro)
    if given:
        monkeypatch.setenv("RETRO_SECRET_KEYS", new_key())
        name, step = "RETRO_SECRET_KEYS", "into RETRO_SECRET_KEYS, behind the first"
    else:
        write_keys(file, [new_key()])
        name, step = str(file), f"Bring back the copy that was kept of {file}"
    pulled = retro("pull", "portal")
    assert (pulled.status, pulled.out) == (1, "")
    assert f"open with none of the keys in {name}." in pulled.sentence
    assert step in pulled.sentence
    assert retro("runs", "--json").document == []
    assert retro("check", "portal").sentence == pulled.sentence
    found = {each["what"]: each["found"] for each in retro("doctor", "--json").document}
    assert found["connection portal"] == "its secrets do not open"
    assert found["key ring"] == pulled.sentence
    if not given:
        refused = retro("keys", "rotate")
        assert f"The secrets of portal open with none of the keys in {name}." in refused.sentence
        assert f"bring back the copy that was kept of {file}" in refused.sentence
    assert old not in pulled.err
    assert [each["state"] for each in retro.connections()] == ["active"]


def test_a_backup_is_restored_into_another_home_with_its_key_ring(
    retro: Retro, portal: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retro.connect(portal)
    retro("pull", "portal", "--stream", "deals")
    file = tmp_path / "retro.zip"
    assert retro("backup", str(file)).status == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert retro("backup", str(file)).status == 1
    (key,) = keys(retro)
    assert key.encode() not in file.read_bytes()
    deals = retro("records", "deals").out
    monkeypatch.setenv("RETRO_HOME", str(tmp_path / "second"))
    second = retro("restore", str(file), "--json")
    # Everything is there, and the secrets wait for their key.
    assert (second.status, second.document["unreadable"]) == (3, ["portal"])
    assert retro("records", "deals").out == deals
    write_keys(tmp_path / "second" / "secret.keys", [key])
    assert retro("check", "portal").status == 0


def test_a_backup_to_a_place_that_cannot_be_written_says_so(retro: Retro, tmp_path: Path) -> None:
    refused = retro("backup", str(tmp_path / "nowhere" / "retro.zip"))
    assert refused.status == 1
    assert "No such file or directory. Name a file in a folder that is there" in refused.sentence


@pytest.mark.parametrize("rows", [0, 2000], ids=["at its end", "on the way"])
def test_a_backup_onto_a_full_disk_says_so_and_leaves_nothing(
    retro: Retro, portal: Sandbox, tmp_path: Path, rows: int
) -> None:
    retro.connect(portal)
    with closing(sqlite3.connect(retro.home / "retro.db")) as database, database:
        row = "INSERT INTO audit (at, who, action, subject) VALUES (?, hex(randomblob(99)), '', '')"
        database.executemany(row, [("2026-11-23T09:00:00.000000+00:00",)] * rows)
    folder = tmp_path / "backups"
    folder.mkdir()
    file = folder / "retro.zip"
    # Whatever is written there meets a full disk.
    draft_of(file).symlink_to("/dev/full")
    refused = retro("backup", str(file))
    assert refused.status == 1
    assert refused.sentence == (
        f"{file} could not be written: No space left on device. Nothing is left of it; make room, "
        "or name a file on another disk."
    )
    assert list(folder.iterdir()) == []
    assert retro("backup", str(file)).status == 0


def test_a_restore_over_data_asks_for_a_yes(retro: Retro, portal: Sandbox, tmp_path: Path) -> None:
    retro.connect(portal)
    file = tmp_path / "retro.zip"
    retro("backup", str(file))
    retro("schedule", "portal", "--stream", "deals", "--every", "15m")
    refused = retro("restore", str(file))
    assert refused.status == 1
    assert "--yes" in refused.sentence
    assert retro("restore", str(file), "--yes").status == 0
    assert retro("schedules", "--json").document == []
    assert retro("check", "portal").status == 0
    (told,) = (each for each in retro("doctor", "--json").document if each["what"] == "restored")
    assert told["good"]
    assert re.fullmatch(
        r"\S+, from a backup of \S+ \S+ UTC; new tasks are looked up until \S+", told["found"]
    )


def test_a_restore_beside_tables_of_another_program_is_refused_whoever_says_yes(
    retro: Retro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, shared = tmp_path / "retro.zip", tmp_path / "shared.db"
    retro("backup", str(file))
    monkeypatch.setenv("RETRO_DATABASE_URL", f"sqlite:///{shared}")
    with closing(sqlite3.connect(shared)) as database:
        database.execute("CREATE TABLE invoices (id INTEGER)")
        for words in ([], ["--yes"]):
            refused = retro("restore", str(file), *words)
            assert refused.status == 1
            assert "invoices" in refused.sentence
            assert "RETRO_DATABASE_URL" in refused.sentence
        assert database.execute("SELECT * FROM invoices").fetchall() == []


def test_the_audit_tells_who_changed_what_and_no_secret(
    retro: Retro, portal: Sandbox, tmp_path: Path
) -> None:
    retro.connect(portal)
    retro("schedule", "portal", "--stream", "deals", "--every", "15m")
    retro("schedule", "portal", "--stream", "deals", "--off")
    retro("keys", "rotate")
    retro("connect", "bitrix24", "portal", "--set", f"webhook={webhook_of(portal)}",
          "--set", "plan=enterprise")  # fmt: skip
    retro("backup", str(tmp_path / "retro.zip"))
    retro("restore", str(tmp_path / "retro.zip"), "--yes")
    retro("disconnect", "portal", "--yes")
    answer = retro("audit", "--json")
    told = answer.document
    assert [each["action"] for each in reversed(told)] == [
        "connect",
        "schedule",
        "schedule",
        "keys rotate",
        "connect",
        "restore",
        "disconnect",
    ]
    assert {each["who"] for each in told} == {pwd.getpwuid(os.getuid()).pw_name}
    again = told[2]
    assert (again["before"]["settings"]["plan"], again["after"]["settings"]["plan"]) == (
        "standard",
        "enterprise",
    )
    assert told[4]["before"]["deals incremental"]["enabled"] is True
    assert told[4]["after"]["deals incremental"]["enabled"] is False
    assert webhook_of(portal).split("/")[-2] not in answer.out
