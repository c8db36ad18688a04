"""What Redis counts of accounts, as much as must outlive it."""

from typing import Any

from sqlmodel import Field, SQLModel

from sync.tables.columns import document


class AccountBudget(SQLModel, table=True):
    """The bucket of a provider's account as it was last kept: as full as it can be, with the pause
    that the tool asked for and what was used of the day. `account` names whom the provider counts,
    which may be several connections."""

    __tablename__ = "account_budget"

    account: str = Field(primary_key=True)
    bucket: dict[str, Any] = document()
