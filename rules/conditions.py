"""The condition of a rule as a tree: `all`, `any`, `not`, a comparison of one field, or `expr`."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Discriminator, Field, StrictBool, Tag, field_validator, model_validator

from rules.fields import FIELDS, MEMBERSHIP, OPS, PRESENCE, FieldName, FieldType, Op
from rules.nearest import did_you_mean
from rules.yaml_file import Entry

Scalar = StrictBool | int | float | str
Value = Scalar | tuple[Scalar, ...]


class Comparison(Entry):
    """One field against a value. `in` and `not_in` take a list, `exists` and `missing` nothing."""

    field: FieldName
    op: Op
    value: Value | None = None

    @field_validator("op", mode="before")
    @classmethod
    def _is_known(cls, given: object) -> object:
        if isinstance(given, str) and given not in set(Op):
            known = ", ".join(Op)
            raise ValueError(f"{given} is not a known op{did_you_mean(given, Op)}: {known}")
        return given

    @field_validator("value", mode="before")
    @classmethod
    def _moments_stay_text(cls, given: object) -> object:
        return given.isoformat() if isinstance(given, datetime) else given

    @model_validator(mode="after")
    def _op_and_value_fit_the_field(self) -> Self:
        kind = FIELDS[self.field].type
        if self.op not in OPS[kind]:
            fitting = ", ".join(sorted(OPS[kind]))
            raise ValueError(f"{self.field} is a {kind}, which {self.op} cannot judge: {fitting}")
        if self.op in PRESENCE:
            if self.value is not None:
                raise ValueError(f"{self.op} takes no value")
            return self
        if self.value is None:
            raise ValueError(f"{self.op} needs a value")
        if (self.op in MEMBERSHIP) != isinstance(self.value, tuple):
            raise ValueError(f"{self.op} {'needs a' if self.op in MEMBERSHIP else 'takes no'} list")
        for value in self.values:
            _check(self.field, value)
        return self

    @property
    def values(self) -> tuple[Scalar, ...]:
        if self.value is None:
            return ()
        return self.value if isinstance(self.value, tuple) else (self.value,)


class Expression(Entry):
    """What the tree cannot say, in the language of rule-engine."""

    expr: str

    @field_validator("expr")
    @classmethod
    def _is_safe(cls, text: str) -> str:
        # Imported for those who write expressions: rule-engine doubles the start of every process.
        from rules.expressions import compiled

        compiled(text)
        return text


class All(Entry):
    all: tuple["Condition", ...] = Field(min_length=1)


class AnyOf(Entry):
    any: tuple["Condition", ...] = Field(min_length=1)


class Not(Entry):
    condition: "Condition" = Field(alias="not")


def _shape(given: object) -> str:
    """The tag of a condition, read from a file or already made."""
    match given:
        case {"all": _} | All():
            return "every"
        case {"any": _} | AnyOf():
            return "some"
        case {"not": _} | Not():
            return "none"
        case {"expr": _} | Expression():
            return "text"
        case _:
            return "comparison"


Condition = Annotated[
    Annotated[All, Tag("every")]
    | Annotated[AnyOf, Tag("some")]
    | Annotated[Not, Tag("none")]
    | Annotated[Expression, Tag("text")]
    | Annotated[Comparison, Tag("comparison")],
    Discriminator(_shape),
]


def _check(name: str, value: Scalar) -> None:
    field = FIELDS[name]
    match field.type:
        case FieldType.NUMBER:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        case FieldType.BOOLEAN:
            fits = isinstance(value, bool)
        case FieldType.MOMENT:
            fits = isinstance(value, str) and _is_aware(value)
        case FieldType.TEXT | FieldType.TEXTS:
            fits = isinstance(value, str)
    if not fits:
        hint = ", with date, time and offset" if field.type is FieldType.MOMENT else ""
        raise ValueError(f"{name} is a {field.type}{hint}; {value!r} is not")
    if field.choices and value not in field.choices:
        suggestion = did_you_mean(str(value), field.choices)
        raise ValueError(f"{value} is not a value of {name}{suggestion}")


def _is_aware(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
