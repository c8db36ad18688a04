"""A process that calls a portal with the token of a connection: `token_client.py DATABASE KEY
CONNECTION PORTAL CLIENT_ID CLIENT_SECRET`. For each line on standard input it makes a call, and
says `ok`, or what went wrong."""

import sys
import time
from contextlib import closing

from connectors.bitrix24.connector import Bitrix24
from connectors.errors import ConnectorError
from connectors.http import Wire
from sync.store.connections import StoredToken
from sync.store.database import Database
from sync.vault import Vault
from tests.connectors.bitrix24.kit import Hands
from workers.clock import machine_now


def main(url: str, key: str, connection: str, portal: str, client_id: str, secret: str) -> None:
    settings = {
        "portal": portal,
        "auth_host": portal,
        "client_id": client_id,
        "client_secret": secret,
    }
    with closing(Database(url)) as database:
        tokens = StoredToken(database, Vault([key]), int(connection), machine_now, time.sleep)
        wire = Wire(limiter=Hands().wire().limiter, sleep=time.sleep, tokens=tokens)
        with closing(Bitrix24(Bitrix24.Config.model_validate(settings), wire)) as connector:
            for _ in sys.stdin:
                try:
                    connector.check()
                    said = "ok"
                except ConnectorError as error:
                    said = f"{type(error).__name__}: {error.message}"
                sys.stdout.write(f"{said}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
