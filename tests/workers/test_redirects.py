"""What a browser on this machine brings: only the answer to our question ends the waiting."""

import httpx
import pytest

from connectors.consent import Asked
from connectors.sandbox.runner import free_port
from workers.redirects import Redirects


@pytest.fixture
def asked() -> Asked:
    return Asked(f"http://localhost:{free_port()}/oauth/callback")


def answered(asked: Asked, target: str) -> tuple[int, str, str | None]:
    """Status and text of the page, and what was brought then."""
    port = httpx.URL(asked.redirect_uri).port
    assert port is not None
    server = Redirects(port, asked, "en")
    try:
        status, text = server.answer(target)
    finally:
        server.server_close()
    return status, text, server.brought


@pytest.mark.parametrize("query", ["error=access_denied", "error=x&error_description=y", "code=c"])
def test_an_answer_without_our_question_ends_no_waiting(asked: Asked, query: str) -> None:
    status, text, brought = answered(asked, f"/oauth/callback?{query}")
    assert (status, brought) == (400, None)
    # A tool may deny without naming the question: the person knows, and may end the command.
    assert "Ctrl-C" in text


def test_a_denial_of_our_question_is_brought(asked: Asked) -> None:
    target = f"/oauth/callback?error=access_denied&state={asked.state}"
    status, _, brought = answered(asked, target)
    assert (status, brought) == (200, target)


def test_a_target_that_is_no_address_changes_nothing(asked: Asked) -> None:
    assert answered(asked, f"http://[bad?code=c&state={asked.state}") == (404, "", None)
