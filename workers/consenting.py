"""Sign-in by a person's consent: where the first pair of an app comes from, and when it is asked
for. A pair that is kept for the same app is tried before anybody is asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from connectors.auth import Token, TokenStore
from connectors.capabilities import TakesConsent
from connectors.consent import Asked, AuthServer, code_in
from connectors.errors import ConnectionBroken, ConnectorError, TryLater
from connectors.port import Connector, ConnectorConfig
from connectors.redaction import Redactor, redacting
from sync.store import connections
from sync.tables.connections import Connection
from sync.vault import SecretsUnreadable
from workers.app import App

REFRESH_TOKEN = "refresh_token"  # noqa: S105  # the name of a setting
SPENT = "The refresh token that was given is spent: give a new one."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Two apps are one where they would ask the same.
PROBE = Asked("http://localhost/", state="", verifier="")


@dataclass(frozen=True)
class Consent:
    """How a person is asked: `ask` shows the address and gives what the browser brought back, from
    which the code is read. `anew`: whatever is kept already. `refresh_token` is in place of the
    asking: one that the app was given elsewhere."""

    redirect_uri: str
    ask: Callable[[str, Asked], str]
    anew: bool = False
    refresh_token: SecretStr | None = None


@dataclass(frozen=True)
class Tried:
    """What a connector told of its account, `learned` as settings. `token` is the pair that it
    ended with, and `keeps_token` says that this is the one that is stored."""

    account: str
    sandbox: bool
    identity: tuple[str, ...]
    learned: Mapping[str, Any]
    token: Token | None = None
    keeps_token: bool = False


@dataclass
class Held:
    """A pair in memory, until its account has proven to be the right one."""

    token: Token | None = None

    def load(self) -> Token:
        if self.token is None:
            raise LookupError("this connection has no token yet")
        return self.token

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else knows the pair."""
        yield

    def save(self, token: Token) -> None:
        self.token = token


def try_out(
    app: App,
    tool_class: type[Connector[Any]],
    config: ConnectorConfig,
    known: Connection | None,
    consent: Consent | None,
) -> Tried:
    """Check settings that are not stored yet; `known` is the connection that they are to replace.

    Asks for consent where the settings need one, unless `consent` is None or the pair of `known`
    will do. Raises ConnectorError.
    """
    anew = consent is not None and consent.anew
    # A script gives the same refresh token each time, and most tools take it once.
    kept = None if anew else _kept(app, tool_class, config, known)
    if kept is not None:
        try:
            return replace(_tried(app, tool_class, config, kept), keeps_token=True)
        except ConnectionBroken:
            if consent is None:
                raise
    with closing(app.unstored(tool_class, config)) as connector:
        server = server_of(connector)
        pair = first_pair(connector, server, consent) if server and consent else None
    if pair is None:
        return _tried(app, tool_class, config, None)
    held = Held(pair)
    try:
        tried = _tried(app, tool_class, config, held)
    except ConnectorError as error:
        if consent is not None and _is_spent(consent.refresh_token, held.load()):
            # Nothing is stored that a scheduled run could try again.
            step = "Run it again later." if isinstance(error, TryLater) else error.next_step
            error.next_step = f"{step} {SPENT}"
        raise
    return replace(tried, token=held.token)


def _is_spent(given: SecretStr | None, now: Token) -> bool:
    """Some tools give the same one again with each renewal."""
    return given is not None and given.get_secret_value() != now.refresh_token


def server_of(connector: Connector[Any]) -> AuthServer | None:
    return connector.auth_server() if isinstance(connector, TakesConsent) else None


def first_pair(connector: Connector[Any], server: AuthServer, consent: Consent) -> Token:
    """Raises ConnectorError."""
    if consent.refresh_token is not None:
        given = consent.refresh_token
        with redacting(Redactor([*connector.secrets(), given])):
            return server.renew(Token("", given.get_secret_value(), EPOCH))
    asked = Asked(consent.redirect_uri)
    code = code_in(consent.ask(server.address(asked), asked), asked)
    with redacting(Redactor([*connector.secrets(), code, asked.verifier])):
        return server.redeem(code, asked)


def no_renewal(app: App, known: Connection | None, tried: Tried) -> AbstractContextManager[None]:
    """A renewal that is under way ends before another pair takes the place of the one it spends:
    it would put the old one's successor back."""
    if known is None or known.id is None or tried.keeps_token:
        return nullcontext()
    return app.tokens(known.id).locked()


def _kept(
    app: App,
    tool_class: type[Connector[Any]],
    config: ConnectorConfig,
    known: Connection | None,
) -> TokenStore | None:
    """The stored pair, where it is of the same app; a new secret has to be tried by a consent."""
    if known is None or known.id is None or known.token is None or known.kind != tool_class.kind:
        return None
    try:
        before = connections.config_of(known, tool_class, app.vault)
    except (SecretsUnreadable, connections.SettingsOutdated):
        return None
    ours = _app_of(app, tool_class, config)
    same = ours is not None and ours == _app_of(app, tool_class, before)
    return app.tokens(known.id) if same else None


def _app_of(app: App, tool_class: type[Connector[Any]], config: ConnectorConfig) -> object:
    with closing(app.unstored(tool_class, config)) as connector:
        server = server_of(connector)
        secrets = sorted(each.get_secret_value() for each in connector.secrets())
        return (server.address(PROBE), secrets) if server else None


def _tried(
    app: App, tool_class: type[Connector[Any]], config: ConnectorConfig, tokens: TokenStore | None
) -> Tried:
    with closing(app.unstored(tool_class, config, tokens)) as connector:
        account = connector.check()
        return Tried(
            account,
            connector.is_sandbox(),
            tuple(connector.identity()),
            connector.learned(),
        )
