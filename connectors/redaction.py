"""Cuts secrets from everything that is shown: error texts, logs, addresses."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from connectors.errors import ConnectorError

MASK = "***"


class Redactor:
    """Replaces each known secret in a text. Short values (under 4 characters) are not secrets."""

    def __init__(self, secrets: Iterable[SecretStr | str] = ()) -> None:
        plain = (s.get_secret_value() if isinstance(s, SecretStr) else s for s in secrets)
        # Longest first, so that a secret that contains another one is cut whole.
        self._secrets = sorted({s for s in plain if len(s) >= 4}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


@contextmanager
def redacting(redact: Callable[[str], str]) -> Iterator[None]:
    """Whatever ConnectorError leaves this block has no secret in its texts."""
    try:
        yield
    except ConnectorError as error:
        clean(error, redact)
        raise


def clean(error: ConnectorError, redact: Callable[[str], str]) -> None:
    error.message = redact(error.message)
    error.next_step = redact(error.next_step)
    error.args = (error.message,)
