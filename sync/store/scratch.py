"""A database that is thrown away: what one push needs, for a dry run to work on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session, SQLModel, col, select

from sync.store.coalescing import PENDING
from sync.store.database import Database
from sync.store.outbox import FAILED, Intention
from sync.tables.connections import Connection
from sync.tables.outbox import Link, Outbox


@contextmanager
def scratch_of(
    source: Database, connection_id: int, planned: Sequence[Intention]
) -> Iterator[Database]:
    """The connection without its secrets, its links, the writes that have still to go out or that
    others wait behind, and those that `planned` takes back. What was put off may go out: it is as
    if somebody asked for it."""
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
