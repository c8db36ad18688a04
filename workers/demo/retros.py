"""The retro files of the demo."""

from config.shipped import shipped_text
from workers.demo.counts import StoryCounts
from workers.demo.world import story_counts

JUNE, SEPTEMBER, NOVEMBER = "retro-2026-06.yaml", "retro-2026-09-21.yaml", "retro-2026-11-23.yaml"


def retro_text(name: str, counts: StoryCounts) -> str:
    """A shipped retro file in which sales quote what became of these earlier leads.

    Raises ValueError when the file does not quote the story's counts where it should.
    """
    text = shipped_text(f"demo/{name}")
    if name != SEPTEMBER:
        return text
    shipped = _quoted(story_counts())
    if text.count(shipped) != 1:
        raise ValueError(f"{name} must hold `{shipped}` once")
    return text.replace(shipped, _quoted(counts))


def _quoted(counts: StoryCounts) -> str:
    return f"numerator: {counts.earlier.sales}, denominator: {counts.earlier.leads}"
