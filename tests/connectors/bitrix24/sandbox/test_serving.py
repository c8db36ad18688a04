"""The sandbox on a port, and how it says to connect to it."""

import pytest

from connectors.bitrix24.sandbox import SandboxOptions, create_app, describe
from connectors.sandbox.asgi import App
from connectors.sandbox.runner import serve, serving


def test_a_taken_port_is_said_before_anything_is_printed() -> None:
    """What is printed is printed when the app is made."""
    made: list[str] = []

    def make(base: str) -> App:
        made.append(base)
        return create_app(SandboxOptions(records=1))

    with serving(create_app(SandboxOptions(records=1))) as base:
        port = int(base.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            serve(make, "127.0.0.1", port)
    assert made == []


def test_what_is_printed_names_webhook_and_control() -> None:
    options = SandboxOptions(webhook_code="c0de", user_id=3)
    line = describe(options, "http://127.0.0.1:9001")
    assert line["settings"]["webhook"] == "http://127.0.0.1:9001/rest/3/c0de/"
    assert line["control"] == "http://127.0.0.1:9001/_sandbox"
