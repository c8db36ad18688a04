"""Figures as people read them, in English and French. Rounding happens here and nowhere else."""

from datetime import timedelta
from decimal import Decimal

from rules.kpi_catalogue import Text, Unit
from rules.kpis import KpiValue
from rules.language import Language
from rules.late_data import LateChange
from rules.proportions import Certainty, FloorCrossing


def percent(share: float, language: Language, *, digits: int = 1, sign: bool = False) -> str:
    """0.16 as `16.0 %` or `16,0 %`."""
    # Adding zero turns the -0.0 that rounding may leave into 0.0.
    shown = f"{round(100 * share, digits) + 0.0:{'+' if sign else ''}.{digits}f} %"
    return shown if language == "en" else shown.replace(".", ",")


def round_percent(share: float, language: Language, *, sign: bool = False) -> str:
    """A figure somebody chose, such as a floor: `40 %`, and `37.5 %` only where it is needed."""
    digits = 0 if round(100 * share, 1) == round(100 * share) else 1
    return percent(share, language, digits=digits, sign=sign)


def certainty_words(seen: FloorCrossing, language: Language) -> str:
    """How sure it is that a KPI is under its floor, and why no surer."""
    floor = round_percent(seen.floor, language)
    chance = percent(seen.p_one_sided, language)
    return {
        ("en", Certainty.CERTAIN): f"certain: the whole 95 % interval lies under {floor}",
        ("en", Certainty.PROBABLE): f"probable: the 95 % interval still touches {floor}",
        ("en", Certainty.POSSIBLE): f"possible: chance alone gives such a figure in {chance} "
        f"of periods at {floor}",
        ("fr", Certainty.CERTAIN): f"certain : tout l'intervalle à 95 % est sous {floor}",
        ("fr", Certainty.PROBABLE): f"probable : l'intervalle à 95 % touche encore {floor}",
        ("fr", Certainty.POSSIBLE): f"possible : le hasard seul donne un tel chiffre dans {chance} "
        f"des périodes à {floor}",
    }[language, seen.certainty]


def late_note(change: LateChange, title: Text, language: Language) -> str:
    """The note for the decisions that used the earlier figure of a closed period."""
    first = change.earlier.period.start
    last = change.earlier.period.end - timedelta(days=1)
    earlier, latest = (_figure(each, language) for each in (change.earlier, change.latest))
    then, now = change.earlier.as_of.date(), change.latest.as_of.date()
    if language == "en":
        return (
            f"{title.en}, {first} to {last}: late data changed the closed period from {earlier} "
            f"(as of {then}) to {latest} (as of {now}). This decision used the earlier figure."
        )
    return (
        f"{title.fr}, du {first} au {last} : des données tardives ont fait passer la période "
        f"close de {earlier} (au {then}) à {latest} (au {now}). "
        f"Cette décision s'appuyait sur le premier chiffre."
    )


def _figure(value: KpiValue, language: Language) -> str:
    counts = f"{_count(value.numerator)}/{_count(value.denominator)}"
    if value.value is None:
        return counts
    if value.unit == Unit.SHARE:
        return f"{counts} = {percent(float(value.value), language)}"
    amount = f"{value.value:.2f} {value.unit}"
    return f"{counts} = {amount if language == 'en' else amount.replace('.', ',')}"


def _count(count: int | Decimal | None) -> str:
    return "?" if count is None else str(count)
