"""Settings of one Bitrix24 connection."""

import re
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.hosts import is_safe, safe_origin
from connectors.port import ConnectorConfig

WEBHOOK_PATH = re.compile(r"/rest/(?P<user>\d+)/(?P<code>[A-Za-z0-9]+)/?")


class Plan(StrEnum):
    """The request budget: 50 and 2 a second, 250 and 5, or none of the vendor's."""

    STANDARD = "standard"
    ENTERPRISE = "enterprise"
    SELF_HOSTED = "self_hosted"


class Bitrix24Config(ConnectorConfig):
    """Either `webhook`, or the portal with an app's id and secret."""

    webhook: SecretStr | None = Field(
        default=None,
        title="Inbound webhook",
        description="Developer resources > Other > Inbound webhook: the whole address",
    )
    portal: str | None = Field(default=None, title="Portal", description="https://name.bitrix24.eu")
    client_id: str | None = Field(default=None, title="Application id")
    client_secret: SecretStr | None = Field(default=None, title="Application key")
    auth_host: str = Field(default="https://oauth.bitrix.info", title="Authorization server")
    plan: Plan = Field(default=Plan.STANDARD, title="Plan")
    qualified_stages: list[str] = Field(
        default=[], title="Qualified stages", description="Lead stages that mean: qualified"
    )
    application_token: SecretStr | None = Field(
        default=None, title="Application token", description="As the outgoing webhook's form shows"
    )
    member_id: str | None = Field(default=None, title="Portal id in events (member_id)")
    fields: dict[str, str] = Field(
        default={},
        title="Custom fields",
        description="Our name = name in the portal (UF_CRM_...), of leads and deals",
    )
    base_url: str | None = Field(default=None, title="Other address of the portal")

    @field_validator("webhook")
    @classmethod
    def _is_webhook(cls, webhook: SecretStr | None) -> SecretStr | None:
        if webhook is None:
            return None
        address = webhook.get_secret_value().strip()
        if not is_safe(address) or not WEBHOOK_PATH.fullmatch(urlsplit(address).path):
            raise ValueError(
                "This is not the address of an inbound webhook: copy it whole from the portal, "
                "it looks like https://<portal>/rest/<user>/<code>/."
            )
        return SecretStr(address)

    @field_validator("portal", "auth_host", "base_url")
    @classmethod
    def _is_origin(cls, address: str | None) -> str | None:
        return None if address is None else safe_origin(address)

    @model_validator(mode="after")
    def _has_credentials(self) -> "Bitrix24Config":
        app = self.portal and self.client_id and self.client_secret
        if not self.webhook and not app:
            raise ValueError(
                "No credentials: give the inbound webhook's address, "
                "or portal, client_id and client_secret of an application."
            )
        return self

    @property
    def origin(self) -> str:
        """Scheme and host that are called."""
        if self.base_url:
            return self.base_url
        return origin_of(self.webhook.get_secret_value() if self.webhook else self.portal or "")

    @property
    def user_and_code(self) -> tuple[str, str] | None:
        """Whose webhook it is and its secret; None for an application."""
        if not self.webhook:
            return None
        match = WEBHOOK_PATH.fullmatch(urlsplit(self.webhook.get_secret_value()).path)
        return (match["user"], match["code"]) if match else None


def origin_of(address: str) -> str:
    """Scheme and host of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
