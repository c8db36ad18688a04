"""Settings of one HubSpot connection."""

import hashlib
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.hosts import safe_origin
from connectors.port import ConnectorConfig

UtmPart = Literal["source", "medium", "campaign", "content", "term"]


class Plan(StrEnum):
    """The request budget: 100 or 190 in 10 seconds; 110 of an app that others install; none."""

    STARTER = "starter"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"
    PUBLIC_APP = "public_app"
    UNLIMITED = "unlimited"


class HubSpotConfig(ConnectorConfig):
    """Either `token`, or the id and secret of an app and the portal that installed it."""

    token: SecretStr | None = Field(
        default=None,
        title="Service key",
        description="Settings > Integrations > Service keys; or the token of a private app",
    )
    client_id: str | None = Field(default=None, title="Client id of the app")
    client_secret: SecretStr | None = Field(
        default=None, title="Client secret of the app", description="Signs its webhooks as well"
    )
    portal_id: str | None = Field(
        default=None, title="Account id", description="Refused when the key is of another account"
    )
    api_version: str = Field(
        default="2026-03", title="Version of the API", pattern=r"^20\d\d-(03|09)$"
    )
    plan: Plan = Field(default=Plan.STARTER, title="Plan")
    time_zone: str | None = Field(
        default=None,
        title="Time zone of the account",
        description="Its day of requests ends at midnight there; the account tells it when it is "
        "connected or checked",
    )
    leads: bool = Field(default=True, title="Read leads", description="Needs Sales Hub")
    campaigns: bool = Field(
        default=True, title="Read campaigns", description="Needs Marketing Hub Professional"
    )
    campaign_days: int = Field(
        default=30, ge=1, le=400, title="Days of campaign figures in a full read"
    )
    qualified_stages: list[str] = Field(
        default=[], title="Qualified stages", description="Lead stages that mean: qualified"
    )
    utm: dict[UtmPart, str] = Field(
        default={},
        title="Campaign words",
        description="source, medium, campaign, content, term = the property that holds it",
    )
    fields: dict[str, str] = Field(
        default={}, title="Custom fields", description="Our name = property of leads and deals"
    )
    goal_template: dict[str, str] = Field(
        default={},
        title="Goals to copy",
        description="Code of a KPI = id of a goal target that measures it; other KPI targets are "
        "tasks",
    )
    hook_url: str | None = Field(
        default=None,
        title="Public address of the webhook",
        description="As HubSpot calls it: https://…/hooks/<connection>",
    )
    base_url: str = Field(default="https://api.hubapi.com", title="Address of the API")
    consent_host: str = Field(
        default="https://app.hubspot.com", title="Where the app is consented to"
    )

    @field_validator("base_url", "consent_host")
    @classmethod
    def _is_safe(cls, address: str) -> str:
        return safe_origin(address)

    @field_validator("goal_template", mode="before")
    @classmethod
    def _is_of_a_kpi(cls, given: Any) -> Any:
        """It was one goal for whatever KPI, or none."""
        if isinstance(given, str):
            raise ValueError(
                "A goal measures one KPI: write goal_template.<code of the KPI>=<id of the goal>."
            )
        return {} if given is None else given

    @model_validator(mode="after")
    def _has_credentials(self) -> "HubSpotConfig":
        app = self.client_id and self.client_secret and self.portal_id
        if not self.token and not app:
            raise ValueError(
                "No credentials: give a service key as token, "
                "or client_id, client_secret and portal_id of an app."
            )
        return self

    @property
    def counted_as(self) -> str:
        """By what the tool counts our requests: the key or the app, not the account."""
        if self.token is None:
            return f"{self.client_id}:{self.portal_id}"
        return hashlib.sha256(self.token.get_secret_value().encode()).hexdigest()[:16]
