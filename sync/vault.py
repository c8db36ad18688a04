"""Secrets at rest: encrypted with the newest key of a ring, readable with any of its keys."""

from collections.abc import Mapping, Sequence

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SecretsUnreadable(Exception):
    """No key of the ring opens what is stored."""


class Vault:
    """`keys` newest first, as made by `new_key`."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._ring = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secrets: Mapping[str, str]) -> bytes:
        return self._ring.encrypt(msgspec.json.encode(dict(secrets)))

    def open(self, sealed: bytes) -> dict[str, str]:
        """Raises SecretsUnreadable."""
        try:
            return msgspec.json.decode(self._ring.decrypt(sealed), type=dict[str, str])
        except InvalidToken as error:
            raise SecretsUnreadable(
                "The stored secrets cannot be read with the keys in RETRO_SECRET_KEYS; "
                "put the key back that they were written with."
            ) from error


def new_key() -> str:
    return Fernet.generate_key().decode()
