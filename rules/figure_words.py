"""Figures as people read them, in English and French. Rounding happens here and nowhere else."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from rules.kpi_catalogue import Text, Unit
from rules.kpis import KpiValue, Reason
from rules.language import Language, Words
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


WHY: Mapping[Reason, Words] = {
    Reason.NOT_MEASURED: {"en": "not measured", "fr": "non mesuré"},
    Reason.NO_DENOMINATOR: {"en": "nothing to count from", "fr": "rien à rapporter"},
    Reason.NO_QUALIFIED_LEAD: {"en": "no qualified lead", "fr": "aucun lead qualifié"},
    Reason.MISSING_RATE: {"en": "no exchange rate", "fr": "taux de change absent"},
    Reason.NUMERATOR_ABOVE_DENOMINATOR: {
        "en": "more counted than there was to count from",
        "fr": "plus compté qu'il n'y avait à compter",
    },
}
INCOMPLETE: Words = {"en": "incomplete", "fr": "incomplet"}
CERTAINTY: Mapping[Certainty, Words] = {
    Certainty.CERTAIN: {"en": "certain", "fr": "certain"},
    Certainty.PROBABLE: {"en": "probable", "fr": "probable"},
    Certainty.POSSIBLE: {"en": "possible", "fr": "possible"},
}


def notes(value: KpiValue, language: Language) -> str:
    """How far to trust a figure, or why there is none: a few words, none where all is well."""
    told = [WHY[value.reason][language]] if value.reason else []
    if value.missing:
        told[-1:] = [f"{told[-1]} ({', '.join(value.missing)})"]
    if not value.complete and value.reason is not Reason.NOT_MEASURED:
        told.append(INCOMPLETE[language])
    if value.flag:
        told.append(f"{value.flag.rule}: {CERTAINTY[value.flag.certainty][language]}")
    return ", ".join(told)


def counts(value: KpiValue) -> str:
    """`1205 / 48210`, or nothing where neither was measured."""
    if value.numerator is None and value.denominator is None:
        return ""
    return f"{_count(value.numerator)} / {_count(value.denominator)}"


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
