"""`python -m web`: the pages and webhooks as a process of the service."""

import gc
import os
import sys

from redis import Redis

from config.settings import SettingsError, load_settings
from web.server import serve
from workers.app import open_app
from workers.embedded import redis_url
from workers.errors import CannotRun
from workers.logs import log_for


def main() -> None:
    settings = load_settings(os.environ)
    app = open_app(settings, Redis.from_url(settings.redis_url or redis_url(settings.home)))
    log_for(app)
    # What is loaded stays: each collection would look through all of it in vain.
    gc.freeze()
    try:
        serve(app, port=settings.port, host=settings.host)
    finally:
        app.close()


try:
    main()
except (CannotRun, SettingsError) as error:
    sys.exit(f"retro: {error}")
