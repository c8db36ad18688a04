"""Secrets at rest: encrypted with the newest key of a ring, readable with any of its keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SecretsUnreadable(Exception):
    """No key of the ring opens what is stored. The text is `cause` and `next_step`."""

    def __init__(self, cause: str, next_step: str = "") -> None:
        super().__init__(f"{cause} {next_step}".rstrip())
        self.cause = cause
        self.next_step = next_step


@dataclass(frozen=True)
class KeySource:
    """Where a ring comes from, and what brings a key of it back, as an errand."""

    name: str
    restore: str


SOMEWHERE = KeySource("the key ring", "put the key back that they were written with")


class Vault:
    """`keys` newest first, as made by `new_key`. `keys_now` gives those of this moment, for a
    process that goes on while the ring is rotated."""

    def __init__(
        self,
        keys: Sequence[str],
        keys_now: Callable[[], Sequence[str]] | None = None,
        source: KeySource = SOMEWHERE,
    ) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._ring = _ring(keys)
        self._keys_now = keys_now
        self.source = source

    def seal(self, secrets: Mapping[str, str]) -> bytes:
        self._look_again()
        return self._ring.encrypt(msgspec.json.encode(dict(secrets)))

    def open(self, sealed: bytes) -> dict[str, str]:
        """Raises SecretsUnreadable."""
        try:
            return self._opened(sealed)
        except InvalidToken:
            self._look_again()
        try:
            return self._opened(sealed)
        except InvalidToken as error:
            raise SecretsUnreadable(
                f"The stored secrets open with none of the keys in {self.source.name}.",
                f"{_capital(self.source.restore)}; when it is lost, connect each connection again.",
            ) from error

    def _opened(self, sealed: bytes) -> dict[str, str]:
        return msgspec.json.decode(self._ring.decrypt(sealed), type=dict[str, str])

    def _look_again(self) -> None:
        if self._keys_now is not None:
            self._ring = _ring(self._keys_now())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ring(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def new_key() -> str:
    return Fernet.generate_key().decode()
