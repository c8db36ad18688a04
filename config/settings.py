"""Settings from the environment: read once, checked at once, never changed afterwards.

A value that cannot be used is a `SettingsError`: one sentence with the variable, the cause and the
next step. Settings that may hold a password or a key are left out of every representation.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "RETRO_"
DATABASES = ("sqlite", "postgresql+psycopg")
REDIS_SCHEMES = ("redis", "rediss", "unix")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A unix socket's path ends in a zero byte within 104 bytes on macOS, within 108 on Linux.
LONGEST_SOCKET_PATH = 103


class SettingsError(Exception):
    """The text is one sentence for the person who set the environment."""


class Settings(BaseSettings):
    """The environment of the service; each field is the variable `RETRO_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    home: Path = Field(
        Path("var"),
        validate_default=True,
        description="folder of everything this installation keeps",
    )
    database_url: str = Field(
        default_factory=lambda known: f"sqlite:///{known['home'] / 'retro.db'}",
        repr=False,
        description="postgresql+psycopg://… or sqlite:///…; a file in RETRO_HOME by default",
    )
    redis_url: str | None = Field(
        None,
        repr=False,
        description="redis://…, rediss://… or unix://…; started by the service by default",
    )
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        repr=False,
        description="key ring, newest first, separated by commas; a file in RETRO_HOME by default",
    )
    lang: Literal["en", "fr"] = Field("en", description="language of pages and reports")
    tz: ZoneInfo = Field(ZoneInfo("Europe/Paris"), description="time zone of dates and schedules")
    currency: str = Field("EUR", description="ISO 4217 code of the reports")
    log: Literal["text", "json"] = Field("text", description="form of the log lines")
    clock: datetime | str | None = Field(
        None, description="business time: an ISO moment, or the control address of a sandbox"
    )
    allow_private_hosts: bool = Field(
        False, description="lets connections use loopback, private and link-local addresses"
    )
    host: str = Field(
        "127.0.0.1",
        description="address that the web process listens on; another one is for a container or a "
        "private network, the page itself is shown on this machine only",
    )
    port: int = Field(8400, ge=1, le=65535, description="port of the web process")
    public_url: str | None = Field(
        None,
        description="https://… under which a proxy of yours shows `/decisions/` to the team: the "
        "link in tasks; without it the link works on this machine only",
    )
    workers: int = Field(2, ge=1, le=64, description="worker processes of the pull queue")

    @property
    def page_url(self) -> str:
        """Where people reach the pages: by the public address, or on this machine."""
        return self.public_url or f"http://{LOOPBACK[0]}:{self.port}"

    @property
    def redis_folder(self) -> Path:
        """Where the embedded Redis keeps its data and its log."""
        return self.home / "redis"

    @property
    def redis_socket(self) -> Path:
        return redis_socket(self.home)

    @property
    def keys_file(self) -> Path:
        """The key ring of an installation that sets no RETRO_SECRET_KEYS."""
        return self.home / "secret.keys"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The environment is an argument of load_settings; nothing else is looked at.
        return (init_settings,)

    @field_validator("home")
    @classmethod
    def _home(cls, home: Path) -> Path:
        # Every process must derive the same paths, whatever way it was told of the folder.
        home = home.expanduser().resolve()
        if home.exists() and not home.is_dir():
            raise ValueError("it names a file, and a folder is needed")
        return home

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str) -> str:
        if urlsplit(url).scheme not in DATABASES:
            raise ValueError("it should start with sqlite:/// or postgresql+psycopg://")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in REDIS_SCHEMES:
            raise ValueError("it should start with redis://, rediss:// or unix://")
        return url

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        where = urlsplit(url)
        if where.scheme not in ("https", "http") or not where.hostname:
            raise ValueError("it should start with https:// and a host")
        if where.path.strip("/") or where.query or where.fragment or where.username:
            raise ValueError("it should end behind the host, like https://retro.example.com")
        return url.rstrip("/")

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _keys(cls, ring: object) -> object:
        if not isinstance(ring, str):
            return ring
        keys = [key.strip() for key in ring.split(",") if key.strip()]
        for place, key in enumerate(keys, start=1):
            if not _is_key(key):
                raise ValueError(f"its key {place} is not 32 bytes in URL-safe base64")
        return keys

    @field_validator("tz", mode="before")
    @classmethod
    def _zone(cls, name: object) -> object:
        if not isinstance(name, str):
            return name
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{name!r} is not a time zone, which are named like Europe/Paris"
            ) from error

    @field_validator("currency")
    @classmethod
    def _currency(cls, code: str) -> str:
        if not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
            raise ValueError(f"{code!r} is not a currency code, which are three capitals like EUR")
        return code

    @field_validator("clock", mode="before")
    @classmethod
    def _clock(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if "://" in value:
            return _control_address(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(
                "it is neither a moment like 2026-11-23T10:00:00+01:00 nor the control address "
                "of a sandbox"
            ) from error
        if moment.tzinfo is None:
            raise ValueError("its moment has no offset, such as +01:00 or Z")
        return moment


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError for the first variable that cannot be used; an empty one counts as
    not set."""
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in environ.items() if value.strip()}
    try:
        return Settings(**source())
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors()[0])) from error


def redis_socket(home: Path) -> Path:
    """Where the embedded Redis of this home listens; the same for all processes.

    A path too deep for a unix socket is replaced by a short one made from it.
    """
    path = home / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    # Not the temporary folder of the environment: processes with another one must find it too.
    return Path(f"/tmp/retro-{os.getuid()}-{mark}/redis.sock")  # noqa: S108  # made 0700, owner checked


def _sentence(wrong: ErrorDetails) -> str:
    field = str(wrong["loc"][0])
    cause = wrong["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    default: object = Settings.model_fields[field].get_default()
    if isinstance(default, bool):
        cause, default = "it should be 1 (on) or 0 (off)", "on" if default else "off"
    unset = f" for the default {default}" if isinstance(default, str | int) else ""
    return f"{PREFIX}{field.upper()} cannot be used: {cause}; correct it, or unset it{unset}."


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _control_address(value: str) -> str:
    address = urlsplit(value)
    if address.scheme != "http" or address.hostname not in LOOPBACK:
        raise ValueError(
            "a sandbox's control address is on this machine, like http://127.0.0.1:9001/_sandbox"
        )
    return value.rstrip("/")
