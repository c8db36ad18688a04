"""The data files that come with the service."""

from pathlib import Path

FOLDER = Path(__file__).parent


def shipped_text(name: str) -> str:
    """The text of `kpis.yaml`, `rules.yaml`, `pay.yaml` or a file of the demo."""
    return (FOLDER / name).read_text(encoding="utf-8")
