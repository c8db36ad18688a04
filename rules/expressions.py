"""The escape hatch of a condition: one boolean expression, with rule-engine behind a guard.

rule-engine folds constants while it parses, so `2 << 99999999` would cost time before any check of
the parsed tree. What is dangerous is therefore refused in the text; the tree is checked afterwards.
Field names and types come from the catalogue, and `now` is a moment. A date without an offset in
the text is UTC.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby

import rule_engine  # type: ignore[import-untyped]  # rule-engine 5.1 ships no py.typed
from rule_engine import ast

from rules.fields import FIELDS, Facts, FieldType
from rules.nearest import did_you_mean

LONGEST = 2_000
DEEPEST = 20
# Every sign or word may add a level to the tree, which is walked by recursion.
MOST_TOKENS = 200

STRING = re.compile(r"""[rsbdt]?(["'])(?:[^\\\n]|\\.)*?\1""")
TOKEN = re.compile(r"\w+|[^\w\s]")
REFUSED = re.compile(r"\*\*|<<|>>|=~|!~|[$&|^~#\"'\\]|\bfor\b")

CHILDREN: Mapping[type, tuple[str, ...]] = {
    ast.LogicExpression: ("left", "right"),
    ast.ComparisonExpression: ("left", "right"),
    ast.ArithmeticComparisonExpression: ("left", "right"),
    ast.AddExpression: ("left", "right"),
    ast.SubtractExpression: ("left", "right"),
    ast.ArithmeticExpression: ("left", "right"),
    ast.CoalesceExpression: ("left", "right"),
    ast.ContainsExpression: ("container", "member"),
    ast.UnaryExpression: ("right",),
    ast.TernaryExpression: ("condition", "case_true", "case_false"),
    ast.GetAttributeExpression: ("object",),
    ast.SymbolExpression: (),
    ast.BooleanExpression: (),
    ast.FloatExpression: (),
    ast.StringExpression: (),
    ast.NullExpression: (),
    ast.DatetimeExpression: (),
    ast.TimedeltaExpression: (),
    ast.ArrayExpression: (),
    ast.SetExpression: (),
}
COLLECTIONS = (ast.ArrayExpression, ast.SetExpression)


class Unsafe(ValueError):
    """The expression is refused; the text says why."""


class NotTold(LookupError):
    """The expression asked for a fact nobody told, by its name."""


@lru_cache(maxsize=512)
def compiled(text: str) -> "rule_engine.Rule":
    """The checked expression. Raises Unsafe."""
    _guard(text)
    try:
        rule = rule_engine.Rule(text, _context())
    except rule_engine.errors.EngineError as error:
        raise Unsafe(_reason(error)) from error
    root = rule.statement.expression
    _guard_tree(root)
    if root.result_type != rule_engine.DataType.BOOLEAN:
        raise Unsafe("the expression must answer true or false")
    return rule


def answer(text: str, facts: Facts, now: datetime) -> bool:
    """Raises NotTold, or Unsafe where a fact is null or of another type than it should be."""
    told = {group: _typed(group, values) for group, values in facts.items()}
    try:
        return bool(compiled(text).evaluate({**told, "now": now}))
    except rule_engine.errors.EngineError as error:
        raise Unsafe(_reason(error)) from error


def names_in(text: str) -> list[str]:
    """The catalogue fields the expression reads."""
    outside = STRING.sub("''", text)
    return sorted(set(re.findall(r"\b[a-z_]+\.[a-z_]+\b", outside)) & FIELDS.keys())


def _guard(text: str) -> None:
    if len(text) > LONGEST:
        raise Unsafe(f"the expression is longer than {LONGEST} characters")
    outside = STRING.sub(" ", text)
    if found := REFUSED.search(outside):
        raise Unsafe(f"{found[0]} is not allowed in an expression")
    if len(TOKEN.findall(outside)) > MOST_TOKENS:
        raise Unsafe(f"the expression has more than {MOST_TOKENS} parts")
    depth = deepest = 0
    for sign in outside:
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise Unsafe(f"the expression is nested more than {DEEPEST} deep")


def _guard_tree(root: object) -> None:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if type(node) not in CHILDREN:
            raise Unsafe(f"{type(node).__name__.removesuffix('Expression')} is not allowed")
        waiting += [getattr(node, name) for name in CHILDREN[type(node)]]
        if isinstance(node, COLLECTIONS):
            waiting += node.value


def _typed(group: str, values: Mapping[str, object]) -> dict[str, object]:
    """Facts are JSON, where a moment is text."""
    typed = dict(values)
    for key, value in values.items():
        field = FIELDS.get(f"{group}.{key}")
        if field and field.type is FieldType.MOMENT and isinstance(value, str):
            typed[key] = datetime.fromisoformat(value)
    return typed


def _reason(error: "rule_engine.errors.EngineError") -> str:
    match error:
        case rule_engine.errors.ObjectAttributeError():
            name = f"{error.object.name}.{error.attribute_name}"
            return f"{name} is not a known field{did_you_mean(name, FIELDS)}"
        case rule_engine.errors.SymbolResolutionError():
            known = {field.partition(".")[0] for field in FIELDS} | {"now"}
            name = error.symbol_name
            return f"{name} is not a known field{did_you_mean(name, known)}"
        case _:
            return str(error.message)


def _told(group: str) -> Callable[[Mapping[str, object], str], object]:
    def read(facts: Mapping[str, object], key: str) -> object:
        if key not in facts:
            raise NotTold(f"{group}.{key}")
        return facts[key]

    return read


def _told_group(facts: Mapping[str, object], name: str) -> object:
    return facts.get(name, {})


@lru_cache(maxsize=1)
def _context() -> "rule_engine.Context":
    types = {
        FieldType.TEXT: rule_engine.DataType.STRING,
        FieldType.TEXTS: rule_engine.DataType.ARRAY(rule_engine.DataType.STRING),
        FieldType.NUMBER: rule_engine.DataType.FLOAT,
        FieldType.BOOLEAN: rule_engine.DataType.BOOLEAN,
        FieldType.MOMENT: rule_engine.DataType.DATETIME,
    }
    symbols = {"now": rule_engine.DataType.DATETIME}
    for group, names in groupby(sorted(FIELDS), lambda name: name.partition(".")[0]):
        attributes = {name.partition(".")[2]: types[FIELDS[name].type] for name in names}
        symbols[group] = rule_engine.DataType.OBJECT(group, attributes, accessor=_told(group))
    return rule_engine.Context(
        type_resolver=symbols,
        resolver=_told_group,
        default_timezone=UTC,
        mapping_attribute_lookup=False,
    )
