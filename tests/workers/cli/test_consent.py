"""`retro connect` of an app and `retro consent`: a person agrees in a browser, and the pair is kept
where nobody can read it."""

import json
import os
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from connectors.sandbox.runner import free_port, serving
from tests.connectors.consents import (
    REDIRECT,
    TOOLS,
    Account,
    Tool,
    account,
    refresh_token,
    visit,
)
from tests.waiting import eventually
from tests.workers.cli.kit import Answer, Retro
from tests.workers.cli.test_pulling import interruptible

_, HUBSPOT, PIPEDRIVE, SALESFORCE = TOOLS
SECRET = ("client_secret", "application_token")
START, LATER = "2026-11-24T08:00:00+00:00", "2026-11-24T11:00:00+00:00"


class Asking:
    """A command that asks for consent, in a process of its own, until it has ended."""

    def __init__(
        self, *words: str, given: Sequence[str] = (), stdin: int = subprocess.PIPE
    ) -> None:
        with interruptible():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers", *words],
                env=dict(os.environ),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        self.told = ""
        for line in given:
            self.paste(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def address(self) -> str:
        """That which it shows, once it waits."""
        assert self._process.stderr is not None
        found = ""
        for line in self._process.stderr:
            self.told += line
            found = line.strip() if line.startswith("http") else found
            if (found and "waited" in line) or "sent on" in line:
                return found
        raise AssertionError(self.told)

    def paste(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def ended(self) -> Answer:
        out, err = self._process.communicate(timeout=60)
        assert "Traceback" not in out + err
        return Answer(self._process.returncode, out, self.told + err)


@pytest.fixture(params=TOOLS, ids=lambda each: each.kind)
def own(request: pytest.FixtureRequest, retro: Retro) -> Iterator[Account]:
    found: Tool = request.param
    with running(found) as there:
        yield there


@contextmanager
def running(tool: Tool, **options: Any) -> Iterator[Account]:
    with account(tool, **options) as there:
        there.clock(START)
        yield there


def line_of(there: Account, *more: str, redirect: str = REDIRECT) -> list[str]:
    """`retro connect` of the app, without its secret."""
    given = [f"--set={key}={value}" for key, value in there.given.items() if key not in SECRET]
    words = ["connect", there.tool.kind, "crm", *given, "--secret", "client_secret"]
    return [*words, "--redirect", redirect, *more]


def connecting(there: Account, *more: str, redirect: str = REDIRECT) -> Asking:
    secret = there.given["client_secret"]
    return Asking(*line_of(there, *more, redirect=redirect), given=[secret])


def connected(there: Account) -> Answer:
    with connecting(there) as asking:
        asking.paste(visit(asking.address()))
        return asking.ended()


def pull(retro: Retro) -> Answer:
    return retro("pull", "crm", "--stream", "deals", "--full", "--json")


@pytest.mark.promise("G14")
def test_an_app_is_connected_by_consent_and_renews_its_pair(retro: Retro, own: Account) -> None:
    with connecting(own, "--json") as asking:
        brought = visit(asking.address())
        asking.paste(brought)
        answer = asking.ended()
    assert answer.status == 0, answer.err
    assert answer.document["kind"] == own.tool.kind
    assert pull(retro).status == 0
    asked = own.asked(own.tool.tokens)
    own.clock(LATER)
    again = pull(retro)
    assert (again.status, again.document["runs"][0]["read"]) == (0, 10)
    assert own.asked(own.tool.tokens) == asked + 1
    # The pair that this renewal brought is the one that is spent next.
    own.clock("2026-11-24T15:00:00+00:00")
    assert pull(retro).status == 0
    code = httpx.URL(brought).params["code"]
    for secret in (own.given["client_secret"], code, "refresh-", "access-"):
        assert secret not in answer.out + answer.err
        assert secret.encode() not in retro.kept()


def test_a_browser_on_this_machine_is_waited_for(retro: Retro, own: Account) -> None:
    port = free_port()
    redirect = f"http://localhost:{port}/oauth/callback"
    with running(own.tool, redirects=(redirect,)) as there:
        with connecting(there, redirect=redirect) as asking:
            sent = visit(asking.address())
            assert httpx.get(f"http://localhost:{port}/favicon.ico").status_code == 404
            page = httpx.get(sent)
            answer = asking.ended()
        assert (page.status_code, "Close this page" in page.text) == (200, True)
        assert answer.status == 0, answer.err
        assert pull(retro).status == 0


def test_what_other_sites_send_to_this_machine_changes_nothing(retro: Retro) -> None:
    port = free_port()
    redirect = f"http://localhost:{port}/oauth/callback"
    retro.monkeypatch.setenv("RETRO_LANG", "fr")
    with (
        running(PIPEDRIVE, redirects=(redirect,)) as there,
        connecting(there, redirect=redirect) as asking,
    ):
        sent = visit(asking.address())
        for query in ("code=mine&state=guessed", "code=mine", "error=access_denied&state=x"):
            wrong = httpx.get(f"{redirect}?{query}")
            assert (wrong.status_code, "autre question" in wrong.text) == (400, True)
        assert "Fermez cette page" in httpx.get(sent).text
        assert asking.ended().status == 0


def test_a_pasted_answer_to_another_question_is_refused(retro: Retro, own: Account) -> None:
    with connecting(own) as first, connecting(own) as second:
        first.address()
        first.paste(visit(second.address()))
        refused = first.ended()
        assert (refused.status, "another question" in refused.err) == (1, True)
    assert own.asked(own.tool.tokens) == 0
    assert retro.connections() == []


def test_a_code_that_was_used_is_refused(retro: Retro, own: Account) -> None:
    with connecting(own) as asking:
        brought = visit(asking.address())
        asking.paste(brought)
        assert asking.ended().status == 0
    code = httpx.URL(brought).params["code"]
    with connecting(own, "--set", "task_statuses.open=open") as asking:
        # Nobody is asked while the pair is good.
        assert asking.ended().status == 0
    with Asking("consent", "crm", "--redirect", REDIRECT) as asking:
        asking.address()
        asking.paste(code)
        refused = asking.ended()
    assert (refused.status, "takes no token out" in refused.err) == (1, True)
    assert "a consent counts once" in refused.err
    assert code not in refused.err
    assert pull(retro).status == 0


# Bitrix24 sends nobody on then: the command waits until it is ended.
@pytest.mark.parametrize("own", TOOLS[1:], indirect=True, ids=lambda each: each.kind)
def test_a_denied_consent_is_told_in_words(retro: Retro, own: Account) -> None:
    with connecting(own, "--json") as asking:
        asking.paste(visit(asking.address(), "deny"))
        refused = asking.ended()
    assert refused.status == 1
    assert refused.document["error"]["message"] == "The consent was denied in the browser."
    assert "let somebody agree who may install apps" in refused.document["error"]["next_step"]
    assert retro.connections() == []


def test_ctrl_c_while_it_waits_loses_nothing(retro: Retro, own: Account) -> None:
    with connecting(own) as asking:
        asking.address()
        asking.interrupt()
        assert asking.ended().status == 130
    assert retro.connections() == []
    assert connected(own).status == 0
    before = retro.connections()
    with Asking("consent", "crm", "--redirect", REDIRECT) as asking:
        visit(asking.address())
        asking.interrupt()
        assert asking.ended().status == 130
    assert retro.connections() == before
    own.clock(LATER)
    assert pull(retro).status == 0


def test_a_refresh_token_may_be_given_in_place_of_a_consent(retro: Retro, own: Account) -> None:
    token = refresh_token(own)
    secret = own.given["client_secret"]
    words = line_of(own, "--secret", "refresh_token")
    answer = retro(*words, given=f"{secret}\n{token}\n")
    assert (answer.status, answer.err) == (0, "")
    own.clock(LATER)
    assert pull(retro).status == 0
    # The pair that is kept is good, so that the given one is not asked of the tool again.
    again = retro(*words, given=f"{secret}\n{token}\n")
    assert (again.status, again.err) == (0, "")
    # The tool has given it another one since.
    spent = retro("consent", "crm", "--secret", "refresh_token", given=f"{token}\n")
    assert (spent.status, "retro consent NAME" in spent.sentence) == (1, True)
    assert token not in spent.err
    assert pull(retro).status == 0


def test_settings_without_an_app_take_no_refresh_token(retro: Retro) -> None:
    told = retro(
        *("connect", "hubspot", "crm", "--secret", "token", "--secret", "refresh_token"),
        given="key\nrefresh\n",
    )
    assert "sign in without a consent in a browser; leave out refresh_token" in told.sentence
    told = retro("connect", "files", "figures", "--secret", "refresh_token", given="x\n")
    assert "has no secret setting 'refresh_token'" in told.sentence
    told = retro("consent", "crm", "--secret", "client_secret", given="x\n")
    assert (told.status, "--secret takes refresh_token here" in told.err) == (2, True)


def test_nothing_that_is_pasted_is_no_consent(retro: Retro) -> None:
    with running(HUBSPOT) as there:
        secret = there.given["client_secret"]
        away = line_of(there, redirect="https://retro.acme.example/oauth/callback")
        answer = retro(*away, given=f"{secret}\n")
    assert answer.status == 1
    assert "Open this address in a browser" in answer.err
    assert "No consent came" in answer.err
    assert "--secret refresh_token" in answer.err


def test_a_new_client_secret_has_to_be_proven(retro: Retro) -> None:
    """The pair that is kept would be good until it is to be renewed."""
    with running(HUBSPOT) as there:
        assert connected(there).status == 0
        with Asking(*line_of(there), given=["another-secret"]) as asking:
            asking.paste(visit(asking.address()))
            refused = asking.ended()
        assert (refused.status, "client id or secret" in refused.err) == (1, True)
        there.clock(LATER)
        assert pull(retro).status == 0


def test_a_pair_that_died_is_told_with_the_command_that_asks_for_another(retro: Retro) -> None:
    port = free_port()
    options = HUBSPOT.options(records=10, limit="off", rotating=True, redirects=(REDIRECT,))
    base = f"http://127.0.0.1:{port}"
    there = Account(HUBSPOT, base, HUBSPOT.settings(options, base))
    with serving(HUBSPOT.make(options), port=port):
        assert connected(there).status == 0
    # It remembers no pair.
    with serving(HUBSPOT.make(options), port=port):
        failed = pull(retro)
        assert failed.status == 1
        (error,) = [run["error"] for run in failed.document["runs"]]
        assert error["next_step"] == "Give the app its consent again with: retro consent NAME."
        assert retro.connections()[0]["state"] == "broken"
        with Asking("consent", "crm", "--redirect", REDIRECT, "--json") as asking:
            asking.paste(visit(asking.address()))
            answer = asking.ended()
        assert (answer.status, json.loads(answer.out)["reads_again"]) == (0, False)
        assert retro.connections()[0]["state"] == "active"
        assert pull(retro).status == 0


def test_the_consent_of_another_account_is_refused_and_changes_nothing(retro: Retro) -> None:
    with running(HUBSPOT) as there, running(HUBSPOT, portal_id=7000002) as other:
        assert connected(there).status == 0
        before = retro.connections()
        refused = connected(other)
        assert (refused.status, "this is another account" in refused.err) == (1, True)
        assert retro.connections() == before
        there.clock(LATER)
        assert pull(retro).status == 0


def test_what_is_pasted_at_a_terminal_is_not_shown(retro: Retro) -> None:
    """As with other secrets; and the terminal is as before, once it has ended."""
    with running(PIPEDRIVE) as there, terminal() as (ours, theirs):
        retro.monkeypatch.setenv("RETRO_SECRET_CRM_CLIENT_SECRET", there.given["client_secret"])
        with Asking(*line_of(there), stdin=theirs) as asking:
            address = asking.address()
            eventually(lambda: not termios.tcgetattr(theirs)[3] & termios.ECHO, within=20)
            os.write(ours, f"{visit(address)}\n".encode())
            assert asking.ended().status == 0
        assert termios.tcgetattr(theirs)[3] & termios.ECHO
        assert select.select([ours], [], [], 0)[0] == []


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Its two ends: that of the keyboard and screen, and that of programs."""
    ends = os.openpty()
    yield ends
    for each in ends:
        os.close(each)
