"""The cases there are: one per tool of the registry, beside its other tests, and the toy's."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from connectors.registry import shipped_tools
from tests.connectors.conformance.case import Case
from tests.connectors.conformance.toy.case import CASE as TOY

# Tools whose case is still to be written, each with the reason.
NOT_YET: Mapping[str, str] = {}


def case_of(kind: str) -> Case | None:
    name = f"tests.connectors.{kind}.case"
    if find_spec(name) is None:
        return None
    found: Case = import_module(name).CASE
    return found


def _cases() -> list[Case]:
    return [*(case for kind in shipped_tools() if (case := case_of(kind)) is not None), TOY]


CASES = _cases()
