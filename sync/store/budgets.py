"""Buckets of accounts, kept now and then for the day on which Redis is emptied."""

from collections.abc import Callable, Mapping

import msgspec
from sqlmodel import Session, select

from connectors.budget import Bucket
from sync.store.database import one_at_a_time
from sync.tables.budgets import AccountBudget


def kept_buckets(session: Session) -> Mapping[str, Bucket]:
    rows = session.exec(select(AccountBudget)).all()
    return {row.account: msgspec.convert(row.bucket, Bucket) for row in rows}


def keep_bucket(session: Session, account: str, read: Callable[[], Bucket | None]) -> None:
    """`read` tells what is counted in this moment; it is asked when nobody else can keep an older
    count after ours."""
    one_at_a_time(session, "budgets")
    bucket = read()
    if bucket is None:
        return
    row = session.get(AccountBudget, account) or AccountBudget(account=account, bucket={})
    row.bucket = msgspec.to_builtins(bucket)
    session.add(row)
