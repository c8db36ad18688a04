"""Settings of one Tryton connection."""

from pydantic import Field, SecretStr, field_validator

from connectors.hosts import safe_origin
from connectors.port import ConnectorConfig


class TrytonConfig(ConnectorConfig):
    server: str = Field(title="Server", description="https://tryton.example, without the database")
    database: str = Field(
        title="Database", description="As in the login form", pattern=r"^[A-Za-z0-9_.-]+$"
    )
    key: SecretStr = Field(
        title="Application key",
        description="Of a user application REST (res.user.application) that is validated",
    )
    company: int | None = Field(
        default=None,
        title="Company id",
        description="In which tasks are made; the key's user's own by default",
    )
    project: str | None = Field(
        default=None,
        title="Project number",
        description="Under which tasks are made; none: they stand by themselves",
    )
    page: int = Field(
        default=500,
        ge=1,
        le=1000,
        title="Records a page",
        description="Fewer where the server is slow",
    )

    @field_validator("server")
    @classmethod
    def _is_origin(cls, address: str) -> str:
        return safe_origin(address)

    @field_validator("key")
    @classmethod
    def _is_key(cls, key: SecretStr) -> SecretStr:
        given = key.get_secret_value().strip()
        if not (given.isascii() and given.isprintable() and given and " " not in given):
            raise ValueError("This is not a key of a user application: copy it whole.")
        return SecretStr(given)
