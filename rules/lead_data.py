"""A test that asks leads for less: it needs a guardrail, for sales live on what the form tells."""

import re
from collections.abc import Iterable

from rules.language import Language, Words
from rules.words import Figure, Hypothesis, Observation

LEAD_TO_SALE = "lead_to_sale"

NUMBER_OF_FIELDS = re.compile(r"(\d+)\s+(?:\w+\s+)?(?:champs?|fields?)\b", re.IGNORECASE)

KNOWN: Words = {
    "en": "sales report that only {sales} of {leads} earlier leads became sales ({reason}):"
    " removing fields may hurt quality, so the guardrail is mandatory",
    "fr": "les ventes rapportent que seuls {sales} leads sur {leads} sont devenus des ventes"
    " ({reason}) : retirer des champs peut nuire à la qualité, le garde-fou est obligatoire",
}
UNKNOWN: Words = {
    "en": "how many leads became sales is not known: removing fields may hurt quality,"
    " so the guardrail is mandatory",
    "fr": "on ne sait pas combien de leads sont devenus des ventes : retirer des champs peut nuire"
    " à la qualité, le garde-fou est obligatoire",
}


def removes_lead_data(hypothesis: Hypothesis) -> bool:
    """As the hypothesis says, else from its words: 8 fields in the cause, 4 in the change."""
    if hypothesis.removes_lead_data is not None:
        return hypothesis.removes_lead_data
    before = NUMBER_OF_FIELDS.search(hypothesis.cause)
    after = NUMBER_OF_FIELDS.search(hypothesis.change)
    return before is not None and after is not None and int(after[1]) < int(before[1])


def lead_data_warning(
    hypothesis: Hypothesis, observations: Iterable[Observation], language: Language
) -> str | None:
    """What earlier leads became, from the figures of `observations`; None where nothing is removed.

    Of several such figures the one over the most leads speaks.
    """
    if not removes_lead_data(hypothesis):
        return None
    seen = [
        (figure, observation)
        for observation in observations
        for figure in observation.figures
        if figure.kpi == LEAD_TO_SALE
    ]
    if not seen:
        return UNKNOWN[language]
    figure, observation = max(seen, key=_leads)
    return KNOWN[language].format(
        sales=figure.numerator, leads=figure.denominator, reason=observation.text
    )


def _leads(seen: tuple[Figure, Observation]) -> tuple[int, str]:
    figure, observation = seen
    return figure.denominator, observation.id
