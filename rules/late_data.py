"""Figures that change after their period was closed."""

from dataclasses import dataclass

from rules.kpis import KpiValue


@dataclass(frozen=True, slots=True)
class LateChange:
    """Both figures of a closed period: the earlier one stays, with the moment it was taken."""

    earlier: KpiValue
    latest: KpiValue


def late_change(closed: KpiValue, latest: KpiValue) -> LateChange | None:
    """What late data did to a closed period; None when the figure is the same.

    Raises ValueError when the two are not the same KPI, definition, period and slice, because
    another difference would then be taken for late data.
    """
    if _identity(closed) != _identity(latest):
        raise ValueError(f"{closed.code} and {latest.code} are not one figure taken twice")
    return LateChange(closed, latest) if _content(closed) != _content(latest) else None


def _identity(value: KpiValue) -> tuple[object, ...]:
    return value.code, value.definition_version, value.period, dict(value.slice)


def _content(value: KpiValue) -> tuple[object, ...]:
    return value.numerator, value.denominator, value.unit, value.reason
