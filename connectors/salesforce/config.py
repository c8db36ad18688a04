"""Settings of one Salesforce connection."""

from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.hosts import safe_origin
from connectors.port import ConnectorConfig

UtmPart = Literal["source", "medium", "campaign", "content", "term"]
LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")
# What follows the name in the address of orgs that test.salesforce.com signs in to.
TEST_ORGS = ("sandbox.", "scratch.")


class SignIn(StrEnum):
    """Client credentials; a signed assertion of a user; or the consent of a user in a browser."""

    CLIENT_CREDENTIALS = "client_credentials"
    JWT = "jwt"
    CONSENT = "consent"


class Audience(StrEnum):
    """Whom an assertion is for: the login server of this kind of org, or the org's own address."""

    LOGIN = "login"
    MY_DOMAIN = "my_domain"


NEEDS = {
    SignIn.CLIENT_CREDENTIALS: ("client_id", "client_secret"),
    SignIn.JWT: ("client_id", "username", "private_key"),
    SignIn.CONSENT: ("client_id", "client_secret"),
}


class SalesforceConfig(ConnectorConfig):
    base_url: str = Field(
        title="My Domain address",
        description="https://acme.my.salesforce.com, or https://acme--dev.sandbox.my.salesforce.com",
    )
    sign_in: SignIn = Field(default=SignIn.CLIENT_CREDENTIALS, title="Sign-in of the app")
    client_id: str | None = Field(default=None, title="Consumer key of the external client app")
    client_secret: SecretStr | None = Field(default=None, title="Consumer secret of the app")
    username: str | None = Field(default=None, title="User name", description="For sign_in=jwt")
    private_key: SecretStr | None = Field(
        default=None,
        title="Private key (PEM)",
        description="For sign_in=jwt: its certificate is in the app",
    )
    jwt_audience: Audience = Field(
        default=Audience.LOGIN,
        title="Audience of an assertion",
        description="For sign_in=jwt: my_domain where the org refuses login, as with app_not_found",
    )
    api_version: str = Field(default="67.0", title="Version of the API", pattern=r"^\d\d\.0$")
    requests_per_day: int = Field(
        default=15_000,
        ge=0,
        title="Requests a day",
        description="What of the org's daily requests this service may use; 0 counts none",
    )
    currency: str | None = Field(
        default=None,
        title="Currency of the org",
        description="Where it has one only, which the API does not tell: EUR",
        pattern=r"^[A-Z]{3}$",
    )
    campaigns: bool = Field(
        default=True, title="Read campaigns", description="Needs read access to Campaign"
    )
    campaign_name: str = Field(
        default="Name",
        title="Field that names a campaign",
        description="The one that holds what utm_campaign says, where there is one",
    )
    campaign_days: int = Field(
        default=30, ge=1, le=400, title="Days of campaign figures in a full read"
    )
    qualified_statuses: list[str] = Field(
        default=[], title="Qualified statuses", description="Lead statuses that mean: qualified"
    )
    disqualified_statuses: list[str] = Field(
        default=["Closed - Not Converted"],
        title="Disqualified statuses",
        description="Lead statuses that mean: disqualified",
    )
    utm: dict[UtmPart, str] = Field(
        default={},
        title="Campaign words",
        description="source, medium, campaign, content, term = the field that holds it",
    )
    fields: dict[str, str] = Field(
        default={}, title="Custom fields", description="Our name = field of leads and opportunities"
    )
    key_field: str = Field(
        default="Retro_Key__c",
        title="Field of our key",
        description="Of tasks and of KPI targets; best an external id with unique values",
    )
    target_object: str = Field(default="Retro_KPI_Target__c", title="Object of KPI targets")
    quotas: dict[str, str] = Field(
        default={},
        title="KPIs as quotas",
        description="KPI = id of the forecasting type whose quota its target becomes",
    )
    bulk_above: int = Field(
        default=200_000,
        ge=1,
        title="Rows for Bulk API",
        description="A full read of more rows than these goes by Bulk API 2.0",
    )

    @field_validator("base_url")
    @classmethod
    def _is_my_domain(cls, address: str) -> str:
        origin = safe_origin(address)
        host = urlsplit(origin).hostname or ""
        if host in LOGIN_HOSTS or host.endswith(".lightning.force.com"):
            raise ValueError(
                "This is not the address of the API: give the My Domain of the org, "
                "https://….my.salesforce.com (Setup > My Domain)."
            )
        return origin

    @model_validator(mode="after")
    def _has_credentials(self) -> "SalesforceConfig":
        missing = [name for name in NEEDS[self.sign_in] if not getattr(self, name)]
        if missing:
            told = f"No credentials: sign_in={self.sign_in} needs {', '.join(missing)}."
            raise ValueError(told)
        return self

    @property
    def audience(self) -> str:
        """Sandboxes and scratch orgs have a login server of their own. Since Spring '26 external
        client apps of some orgs are known by the org's address alone."""
        if self.jwt_audience is Audience.MY_DOMAIN:
            return self.base_url
        _, _, kind = (urlsplit(self.base_url).hostname or "").partition(".")
        return f"https://{LOGIN_HOSTS[kind.startswith(TEST_ORGS)]}"
