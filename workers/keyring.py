"""The key ring of this installation: from the environment, else a file made at first start."""

import os
from contextlib import suppress
from pathlib import Path

from config.settings import Settings
from sync.vault import Vault, new_key


def open_vault(settings: Settings) -> Vault:
    given = [key.get_secret_value() for key in settings.secret_keys]
    return Vault(given or _keys_in(settings.keys_file))


def _keys_in(path: Path) -> list[str]:
    """The file's keys, newest first; makes the file when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(f"{new_key()}\n", encoding="ascii")
        # Linked, not renamed: of two processes that start at once the first one's key stays.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii").split()
