"""A database that is thrown away: what one push needs, for a dry run to work on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session, SQLModel, col, select

from sync.store.coalescing import PENDING
from sync.store.database import Database
from sync.store.elsewhere import made_elsewhere
from sync.store.outbox import FAILED, Intention
from sync.tables.agreements import Conflict, FieldContract
from sync.tables.audit import Restore
from sync.tables.connections import Connection
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, Outbox
from sync.tables.people import Person, PersonId
from sync.tables.retros import Action, Decision, Retro


@contextmanager
def scratch_of(
    source: Database, connection_id: int, planned: Sequence[Intention]
) -> Iterator[Database]:
    """The connection without its secrets, its links, the writes that have still to go out or that
    others wait behind, those that `planned` takes back, both sides of what these writes are
    about, and what another installation made. What was put off may go out: it is as if somebody
    asked for it."""
    with TemporaryDirectory(prefix="retro-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'scratch.db'}")
        try:
            SQLModel.metadata.create_all(database.engine)
            with source.reading() as known, database.writing() as session:
                _copy(known, session, connection_id, planned)
            yield database
        finally:
            database.close()


def unknown(session: Session, intentions: Sequence[Intention]) -> list[Intention]:
    """Those whose key no write has."""
    return [each for each in intentions if session.get(Outbox, each.key) is None]


def _copy(
    source: Session, target: Session, connection_id: int, planned: Sequence[Intention]
) -> None:
    known = source.get_one(Connection, connection_id)
    bare = Connection(**known.model_dump(exclude={"secrets", "settings"}), secrets=b"", settings={})
    target.add(bare)
    # By these what is planned anew is known to be looked up first.
    target.add_all(Restore(**each.model_dump()) for each in source.exec(select(Restore)))
    target.flush()
    links = source.exec(select(Link).where(Link.connection_id == connection_id))
    target.add_all(Link(**each.model_dump()) for each in links)
    writes = source.exec(
        select(Outbox).where(
            Outbox.connection_id == connection_id, col(Outbox.state).in_((*PENDING, *FAILED))
        )
    ).all()
    payloads = [*(each.payload for each in writes), *(each.payload for each in planned)]
    undone = [source.get_one(Outbox, each["of"]) for each in payloads if "of" in each]
    rows = {each.key: each for each in (*writes, *undone)}
    target.add_all(Outbox(**each.model_dump(exclude={"not_before"})) for each in rows.values())
    found = made_elsewhere(source, connection_id)
    target.add_all(RemoteTaskRow(**each.model_dump()) for each in found)
    _copy_sides(source, target, connection_id, {each.subject for each in rows.values()})


def _copy_sides(source: Session, target: Session, connection_id: int, keys: set[str]) -> None:
    """For a write that somebody's change in the tool overtakes: a push brings the two together."""
    actions = source.exec(select(Action).where(col(Action.key).in_(keys))).all()
    if not actions:
        return
    decisions = [source.get_one(Decision, id_) for id_ in {each.decision_id for each in actions}]
    retros = [source.get_one(Retro, id_) for id_ in {each.retro_id for each in decisions}]
    tasks = select(RemoteTaskRow).join(
        Link,
        (col(Link.connection_id) == RemoteTaskRow.connection_id)
        & (col(Link.remote_id) == RemoteTaskRow.id),
    )
    # Each behind what it points at.
    for rows in (
        source.exec(select(Person)).all(),
        source.exec(select(PersonId).where(PersonId.connection_id == connection_id)).all(),
        retros,
        decisions,
        actions,
        source.exec(
            select(FieldContract).where(FieldContract.connection_id == connection_id)
        ).all(),
        source.exec(
            tasks.where(Link.connection_id == connection_id, col(Link.key).in_(keys))
        ).all(),
        source.exec(select(Conflict).where(col(Conflict.action_key).in_(keys))).all(),
    ):
        target.add_all(type(each)(**each.model_dump(exclude={"observation_id"})) for each in rows)
        target.flush()
