import base64
import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from config.settings import LONGEST_SOCKET_PATH, Settings, SettingsError, load_settings

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
OTHER_KEY = base64.urlsafe_b64encode(b"o" * 32).decode()


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load_settings({})
    assert settings.home == Path.cwd() / "var"
    assert settings.database_url == f"sqlite:///{Path.cwd() / 'var' / 'retro.db'}"
    assert settings.redis_url is None
    assert (settings.lang, settings.tz, settings.currency) == (
        "en",
        ZoneInfo("Europe/Paris"),
        "EUR",
    )
    assert (settings.log, settings.clock, settings.allow_private_hosts) == ("text", None, False)
    assert (settings.port, settings.workers, settings.secret_keys) == (8400, 2, ())


def test_every_variable_is_read(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "RETRO_HOME": str(tmp_path),
            "RETRO_DATABASE_URL": "postgresql+psycopg://u:p@db/retro",
            "RETRO_REDIS_URL": "redis://queue:6379/1",
            "RETRO_SECRET_KEYS": f"{KEY}, {OTHER_KEY}",
            "RETRO_LANG": "fr",
            "RETRO_TZ": "America/New_York",
            "RETRO_CURRENCY": "USD",
            "RETRO_LOG": "json",
            "RETRO_CLOCK": "2026-11-23T10:00:00+01:00",
            "RETRO_ALLOW_PRIVATE_HOSTS": "1",
            "RETRO_PORT": "9000",
            "RETRO_WORKERS": "3",
        }
    )
    assert settings.home == tmp_path
    assert settings.database_url == "postgresql+psycopg://u:p@db/retro"
    assert settings.redis_url == "redis://queue:6379/1"
    assert [key.get_secret_value() for key in settings.secret_keys] == [KEY, OTHER_KEY]
    assert (settings.lang, settings.tz) == ("fr", ZoneInfo("America/New_York"))
    assert (settings.currency, settings.log) == ("USD", "json")
    assert settings.clock == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert settings.allow_private_hosts is True
    assert (settings.port, settings.workers) == (9000, 3)


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("RETRO_LANG", "de", "it should be 'en' or 'fr'"),
        ("RETRO_TZ", "Paris", "'Paris' is not a time zone"),
        ("RETRO_TZ", "../etc/passwd", "is not a time zone"),
        ("RETRO_CURRENCY", "euro", "'euro' is not a currency code"),
        ("RETRO_LOG", "xml", "it should be 'text' or 'json'"),
        ("RETRO_PORT", "http", "it should be a valid integer"),
        ("RETRO_PORT", "65536", "it should be less than or equal to 65535"),
        ("RETRO_WORKERS", "0", "it should be greater than or equal to 1"),
        ("RETRO_ALLOW_PRIVATE_HOSTS", "perhaps", "it should be 1 (on) or 0 (off)"),
        ("RETRO_DATABASE_URL", "mysql://db/retro", "it should start with sqlite:/// or"),
        ("RETRO_REDIS_URL", "http://queue", "it should start with redis://"),
        ("RETRO_SECRET_KEYS", f"{KEY},short", "its key 2 is not 32 bytes"),
        ("RETRO_CLOCK", "tomorrow", "it is neither a moment"),
        ("RETRO_CLOCK", "2026-11-23T10:00:00", "its moment has no offset"),
        ("RETRO_CLOCK", "http://example.org/_sandbox", "control address is on this machine"),
        ("RETRO_CLOCK", "https://127.0.0.1/_sandbox", "control address is on this machine"),
        ("RETRO_HOME", __file__, "it names a file"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_variable_cause_and_next_step(
    name: str, value: str, cause: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    text = str(caught.value)
    assert text.startswith(f"{name} cannot be used: ")
    assert cause in text
    assert "; correct it, or unset it" in text
    assert "\n" not in text


def test_a_wrong_home_is_not_reported_as_a_wrong_database() -> None:
    with pytest.raises(SettingsError, match=r"^RETRO_HOME "):
        load_settings({"RETRO_HOME": __file__})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"RETRO_LANG": "", "RETRO_PORT": " "}) == load_settings({})


def test_variables_of_others_are_left_alone() -> None:
    assert load_settings({"RETRO_SECRET_PORTAL_TOKEN": "x", "LANG": "de"}) == load_settings({})


def test_the_environment_of_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRO_LANG", "fr")
    assert load_settings({}).lang == "en"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings({}).lang = "fr"  # type: ignore[misc]  # what the test is about


def test_no_representation_or_error_shows_a_secret() -> None:
    settings = load_settings(
        {
            "RETRO_SECRET_KEYS": KEY,
            "RETRO_DATABASE_URL": "postgresql+psycopg://u:geheim@db/retro",
            "RETRO_REDIS_URL": "redis://:geheim@queue",
        }
    )
    assert KEY not in f"{settings!r} {settings}"
    assert "geheim" not in f"{settings!r} {settings}"
    with pytest.raises(SettingsError) as caught:
        load_settings({"RETRO_DATABASE_URL": "mysql://u:geheim@db"})
    assert "geheim" not in f"{caught.value} {caught.value.__cause__}"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_redis_socket_lies_in_the_home_where_its_path_is_short_enough() -> None:
    settings = load_settings({"RETRO_HOME": "/srv/retro"})
    assert settings.redis_socket == Path("/srv/retro/redis/redis.sock")
    assert settings.redis_socket.parent == settings.redis_folder


def test_a_deep_home_gets_a_short_socket_path_of_its_own() -> None:
    deep = [load_settings({"RETRO_HOME": f"/srv/{'é' * 60}/{end}"}) for end in "ab"]
    paths = [settings.redis_socket for settings in deep]
    assert paths[0] != paths[1]
    assert all(len(os.fsencode(path)) <= LONGEST_SOCKET_PATH for path in paths)
    assert paths[0] == load_settings({"RETRO_HOME": str(deep[0].home)}).redis_socket


def test_a_home_reached_by_a_link_is_the_same_home(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    real, link = (load_settings({"RETRO_HOME": str(tmp_path / name)}) for name in ("real", "link"))
    assert real.redis_socket == link.redis_socket


def test_the_pages_are_reached_by_the_public_address_or_on_this_machine() -> None:
    assert load_settings({"RETRO_PORT": "8500"}).page_url == "http://127.0.0.1:8500"
    public = load_settings({"RETRO_PUBLIC_URL": "https://retro.example/"})
    assert public.page_url == "https://retro.example"


@pytest.mark.parametrize(
    "url", ["retro.example", "ftp://retro.example", "https://", "https://retro.example/team"]
)
def test_a_public_address_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(SettingsError, match="RETRO_PUBLIC_URL cannot be used: it should"):
        load_settings({"RETRO_PUBLIC_URL": url})
