"""A condition as a sentence people can check."""

from collections.abc import Mapping

from rules.conditions import All, AnyOf, Comparison, Condition, Expression, Not, Scalar
from rules.fields import FIELDS, Op
from rules.figure_words import round_percent
from rules.language import Language, Words, number

# French verbs without gender or number, as the subject may be either.
VERBS: Mapping[Op, Words] = {
    Op.EQ: {"en": "is", "fr": "vaut"},
    Op.NE: {"en": "is not", "fr": "ne vaut pas"},
    Op.LT: {"en": "is under", "fr": "reste sous"},
    Op.LTE: {"en": "is at most", "fr": "ne dépasse pas"},
    Op.GT: {"en": "is over", "fr": "dépasse"},
    Op.GTE: {"en": "is at least", "fr": "atteint"},
    Op.IN: {"en": "is one of", "fr": "fait partie de"},
    Op.NOT_IN: {"en": "is none of", "fr": "ne fait pas partie de"},
    Op.CONTAINS: {"en": "contains", "fr": "contient"},
    Op.EXISTS: {"en": "exists", "fr": "existe"},
    Op.MISSING: {"en": "is missing", "fr": "manque"},
}
AND: Words = {"en": " and ", "fr": " et "}
OR: Words = {"en": " or ", "fr": " ou "}
UNKNOWN: Words = {"en": "not given", "fr": "non renseigné"}
# A change, which people write in per cent.
SHARES = frozenset({"decision.target_relative"})
NOT: Words = {"en": "it is not true that {}", "fr": "il n'est pas vrai que {}"}
FORMULA: Words = {"en": "the formula “{}” holds", "fr": "la formule « {} » est vraie"}
YES: Words = {"en": "yes", "fr": "oui"}
NO: Words = {"en": "no", "fr": "non"}


def sentence(condition: Condition, language: Language) -> str:
    match condition:
        case All():
            return AND[language].join(_part(part, language) for part in condition.all)
        case AnyOf():
            return OR[language].join(_part(part, language) for part in condition.any)
        case Not():
            return NOT[language].format(_part(condition.condition, language))
        case Expression():
            return FORMULA[language].format(condition.expr)
        case Comparison():
            field = FIELDS[condition.field]
            subject = field.fr if language == "fr" else field.en
            values = ", ".join(_value(value, language) for value in condition.values)
            return f"{subject} {VERBS[condition.op][language]} {values}".rstrip()


def facts_in_words(facts: Mapping[str, object], language: Language) -> str:
    """The facts that a rule saw: `the type of the decision is improve_kpi and …`."""
    return AND[language].join(
        f"{_subject(name, language)} {VERBS[Op.EQ][language]} {_fact(name, fact, language)}"
        for name, fact in facts.items()
    )


def _subject(name: str, language: Language) -> str:
    field = FIELDS.get(name)
    return name if field is None else field.fr if language == "fr" else field.en


def _fact(name: str, fact: object, language: Language) -> str:
    if name in SHARES and isinstance(fact, int | float):
        return round_percent(fact, language, sign=True)
    if isinstance(fact, bool | int | float | str):
        return _value(fact, language)
    if isinstance(fact, list | tuple):
        return ", ".join(str(each) for each in fact)
    return UNKNOWN[language] if fact is None else str(fact)


def _part(condition: Condition, language: Language) -> str:
    text = sentence(condition, language)
    return f"({text})" if isinstance(condition, All | AnyOf) else text


def _value(value: Scalar, language: Language) -> str:
    match value:
        case bool():
            return (YES if value else NO)[language]
        case int() | float():
            return number(value, language)
        case str():
            return value
