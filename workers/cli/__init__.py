"""The command `retro`, also `python -m workers`."""

from workers.cli.main import main

__all__ = ["main"]
