"""An installation that is connected to an empty folder of figures: a tool that reads nothing by
id."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.settings import load_settings
from connectors.models import Stream
from sync.store import connections
from sync.store.mirror import Feed
from sync.vault import new_key
from workers.app import App, open_app
from workers.connecting import connect


@contextmanager
def figures_app(folder: Path) -> Iterator[App]:
    app = open_app(
        load_settings({"RETRO_HOME": str(folder / "home"), "RETRO_SECRET_KEYS": new_key()})
    )
    (folder / "figures").mkdir()
    connect(app, "files", "figures", {"folder": str(folder / "figures")})
    try:
        yield app
    finally:
        app.close()


def figures_feed(app: App) -> Feed:
    with app.database.reading() as session:
        row = connections.connection_named(session, "figures")
    assert row.id is not None
    return Feed(row.id, Stream.CAMPAIGN_STATS)
