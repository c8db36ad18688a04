"""Where the pair of an app's consent comes from, and that nobody else's takes its place."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import load_settings
from connectors.auth import Token
from connectors.consent import Asked
from connectors.errors import AuthFailed, Unavailable
from connectors.models import Stream
from connectors.salesforce.sandbox import settings
from sync.store import connections
from sync.store.connections import StoredToken
from tests.connectors.consents import REDIRECT, TOOLS, Account, account, refresh_token, visit
from workers import connecting
from workers.app import App, open_app
from workers.consenting import Consent

_, HUBSPOT, _, SALESFORCE = TOOLS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    given = {"RETRO_HOME": str(tmp_path), "RETRO_ALLOW_PRIVATE_HOSTS": "1"}
    with closing(open_app(load_settings(given))) as opened:
        yield opened


@pytest.fixture
def there() -> Iterator[Account]:
    with account(HUBSPOT) as running:
        yield running


def agreed(address: str, _asked: Asked) -> str:
    return visit(address)


def nobody(_address: str, _asked: Asked) -> str:
    raise AssertionError("nobody is there to be asked")


def consent(ask: object = agreed) -> Consent:
    return Consent(REDIRECT, ask)  # type: ignore[arg-type]  # a function of a test


def connected(app: App, there: Account) -> StoredToken:
    connecting.connect(app, there.tool.kind, "crm", there.given, consent())
    with app.database.reading() as session:
        row = connections.connection_named(session, "crm")
    assert row.id is not None
    return app.tokens(row.id)


@pytest.mark.promise("G14")
def test_a_renewal_under_way_does_not_overwrite_the_pair_of_a_new_consent(
    app: App, there: Account
) -> None:
    stored = connected(app, there)
    renewed = Token("renewed", "renewed", EPOCH)
    locks = []

    def meanwhile(_seconds: float) -> None:
        """The other process ends its renewal while the new pair waits for it."""
        stored.save(renewed)
        locks.pop().__exit__(None, None, None)

    lock = stored.locked()
    lock.__enter__()
    locks.append(lock)
    connecting.consent_again(replace(app, sleep=meanwhile), "crm", consent())
    assert locks == []
    assert stored.load().access_token != renewed.access_token
    with stored.locked():
        pass


def test_a_pair_that_is_good_is_kept_and_nobody_is_asked(app: App, there: Account) -> None:
    stored = connected(app, there)
    before = stored.load()
    given = {**there.given, "campaign_days": "7"}
    connecting.connect(app, "hubspot", "crm", given, consent(nobody))
    assert stored.load() == before


def test_other_scopes_ask_for_another_consent(app: App, there: Account) -> None:
    stored = connected(app, there)
    before = stored.load()
    connecting.connect(app, "hubspot", "crm", {**there.given, "leads": "false"}, consent())
    assert stored.load().access_token != before.access_token


def test_a_field_is_mapped_without_a_consent(app: App, there: Account) -> None:
    connected(app, there)
    wanted = {"seats": "retro_seats"}
    assert connecting.map_fields(app, "crm", Stream.DEALS, wanted).name == "crm"


def test_without_a_pair_and_anybody_to_ask_the_command_is_named(app: App, there: Account) -> None:
    with pytest.raises(AuthFailed, match="no token of this account") as refused:
        connecting.connect(app, "hubspot", "crm", there.given)
    assert refused.value.next_step == "Give the app its consent with: retro consent NAME."


def test_a_pair_that_was_renewed_by_the_check_is_the_one_that_is_kept(
    app: App, there: Account
) -> None:
    # The page, its form and the code go before.
    there.faults({"on": {"nth": 4}, "do": "expired_token"})
    stored = connected(app, there)
    assert there.asked(there.tool.tokens) == 2
    there.faults({"on": {"nth": 1}, "do": "expired_token"})
    before = stored.load()
    assert connecting.check(app, "crm").state == "active"
    assert stored.load().refresh_token != before.refresh_token


@pytest.mark.parametrize("rotating", [True, False])
def test_a_given_refresh_token_that_is_spent_for_nothing_is_told(app: App, rotating: bool) -> None:
    with account(HUBSPOT, rotating=rotating) as there:
        given = replace(consent(nobody), refresh_token=SecretStr(refresh_token(there)))
        tokens = there.asked(there.tool.tokens)
        there.faults({"on": {"method": "account"}, "do": "503"})
        with pytest.raises(Unavailable) as away:
            connecting.connect(app, "hubspot", "crm", there.given, given)
        assert there.asked(there.tool.tokens) == tokens + 1
    assert ("was given is spent: give a new one" in away.value.next_step) == rotating


def test_another_way_to_sign_in_leaves_no_pair_behind(app: App) -> None:
    with account(SALESFORCE) as org:
        stored = connected(app, org)
        assert stored.load().access_token
        given = settings(SALESFORCE.options(limit="off"), org.base)
        wrong = {**given, "client_secret": "wrong"}
        with pytest.raises(AuthFailed, match="invalid client credentials"):
            connecting.connect(app, "salesforce", "crm", wrong, consent(nobody))
        connecting.connect(app, "salesforce", "crm", given, consent(nobody))
        with pytest.raises(LookupError):
            stored.load()
        # What the check keeps now is no consent's, and proves nothing of another secret.
        connecting.check(app, "crm")
        assert stored.load().access_token
        with pytest.raises(AuthFailed, match="invalid client credentials"):
            connecting.connect(app, "salesforce", "crm", wrong, consent(nobody))
