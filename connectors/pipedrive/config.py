"""Settings of one Pipedrive connection."""

import re
from enum import StrEnum
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.hosts import safe_origin
from connectors.port import ConnectorConfig

ONCE_DEFAULT = {"deals_won", "deals_started", "activities_completed", "activities_added"}
FIELD_KEY = re.compile(r"[0-9a-f]{40}")


class Plan(StrEnum):
    """What the limits follow from; `unlimited` is for a sandbox without them."""

    LITE = "lite"
    GROWTH = "growth"
    PREMIUM = "premium"
    ULTIMATE = "ultimate"
    UNLIMITED = "unlimited"


class PipedriveConfig(ConnectorConfig):
    """Either `api_token`, or an app's id and secret."""

    company: str = Field(title="Company address", description="https://<company>.pipedrive.com")
    api_token: SecretStr | None = Field(
        default=None, title="API token", description="Personal preferences > API"
    )
    client_id: str | None = Field(default=None, title="App client id")
    client_secret: SecretStr | None = Field(default=None, title="App client secret")
    auth_host: str = Field(default="https://oauth.pipedrive.com", title="Authorization server")
    company_id: int | None = Field(
        default=None, title="Company id", description="Another company's account is refused"
    )
    plan: Plan = Field(default=Plan.LITE, title="Plan")
    seats: int = Field(default=1, ge=1, title="Seats", description="They set the daily budget")
    daily_top_up: int = Field(default=0, ge=0, title="Bought tokens a day")
    qualified_labels: list[str] = Field(
        default=[], title="Qualified labels", description="Ids of lead labels that mean: qualified"
    )
    stage_history: Literal["latest", "all"] = Field(
        default="latest",
        title="Stage history",
        description="latest: the last move of each deal, for free; all: 20 tokens a moved deal",
    )
    task_type: str = Field(
        default="task", title="Activity type of tasks", description="Its key_string"
    )
    goals: dict[str, str] = Field(
        default={},
        title="KPIs that are goals",
        description="Code of a KPI that is a count = type of goal; other targets are activities",
    )
    hook_user: str = Field(default="retro-roi", title="User name of webhooks")
    hook_password: SecretStr | None = Field(default=None, title="Password of webhooks")
    fields: dict[str, str] = Field(
        default={},
        title="Custom fields",
        description="Our name = key in Pipedrive (40 characters), of deals and leads",
    )
    api_domain: str | None = Field(default=None, title="Address an app is told to call")

    @field_validator("company", "auth_host", "api_domain")
    @classmethod
    def _is_origin(cls, address: str | None) -> str | None:
        return None if address is None else safe_origin(address)

    @field_validator("goals")
    @classmethod
    def _are_meant(cls, goals: dict[str, str]) -> dict[str, str]:
        """Connections of before hold what was the default: kinds of goals, which are no KPIs. They
        would ask for goals at each look-up, and for the right to them at each check."""
        return {} if set(goals) == ONCE_DEFAULT else goals

    @field_validator("fields")
    @classmethod
    def _are_keys(cls, fields: dict[str, str]) -> dict[str, str]:
        wrong = [name for name, key in fields.items() if not FIELD_KEY.fullmatch(key)]
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)}: the key of a custom field has 40 characters, 0-9 and a-f."
            )
        return fields

    @model_validator(mode="after")
    def _has_credentials(self) -> "PipedriveConfig":
        if self.api_token is None and not (self.client_id and self.client_secret):
            raise ValueError(
                "No credentials: give the API token, or client_id and client_secret of an app."
            )
        return self

    @property
    def origin(self) -> str:
        """Scheme and host that are called."""
        return self.api_domain or self.company
