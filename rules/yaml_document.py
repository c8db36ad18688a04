"""A YAML text that remembers where each value stands, so that every complaint names its line.

`yaml_file` reads a file that one model can judge. This one serves files whose parts refer to each
other, or hold unions: complaints found by pydantic and by our own checks come out alike.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml import MappingNode, Node, SequenceNode
from yaml.reader import ReaderError

from rules.nearest import did_you_mean
from rules.yaml_file import LARGEST, TOO_LARGE, FileProblem, Loc
from rules.yaml_loader import load
from rules.yaml_words import in_words

Model = TypeVar("Model", bound=BaseModel)

QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong at a place: its line, the path to it (`rules[0].when`) and the reason."""

    line: int
    path: str
    message: str


class Refused(FileProblem):
    """`found` holds the problems as values; `problems` the same as `source:line: path: reason`."""

    def __init__(self, source: str, found: Iterable[Problem]) -> None:
        self.found = tuple(sorted(set(found)))
        super().__init__([_complaint(source, problem) for problem in self.found])


@dataclass(frozen=True, slots=True)
class YamlDocument:
    source: str
    content: dict[str, Any]
    root: MappingNode

    @classmethod
    def read(cls, text: str, source: str) -> Self:
        """`source` is only the name that complaints give. Raises Refused."""
        if len(text) > LARGEST:
            raise Refused(source, [Problem(1, "", TOO_LARGE)])
        try:
            root, content = load(text)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise Refused(source, [Problem(line, "", str(error.problem))]) from error
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            told = f"the character U+{error.character:04X} is none of a text; remove it"
            raise Refused(source, [Problem(line, "", told)]) from error
        if not isinstance(root, MappingNode):
            raise Refused(source, [Problem(1, "", "the file must hold fields, as in name: value")])
        if repeated := list(_repeated(root)):
            raise Refused(source, repeated)
        return cls(source, content, root)

    def validated(self, model: type[Model]) -> Model:
        """The content as `model`. Raises Refused."""
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            errors = error.errors()
            details = [each for each in errors if not _follows(each, errors)]
            found = [self._from_pydantic(detail, model) for detail in details]
            raise Refused(self.source, found) from error

    def problem(self, loc: Loc, message: str) -> Problem:
        """Parts of `loc` that the text does not hold are passed over: pydantic names its unions."""
        node: Node = self.root
        line, path = node.start_mark.line, ""
        for part in loc:
            if (step := _step(node, part)) is not None:
                node, line = step
                path += f"[{part}]" if isinstance(part, int) else f".{part}"
        return Problem(line + 1, path.lstrip("."), message)

    def _from_pydantic(self, detail: ErrorDetails, model: type[BaseModel]) -> Problem:
        loc, context = detail["loc"], detail.get("ctx", {})
        match detail["type"]:
            case "extra_forbidden":
                known = _field_names(model.model_json_schema())
                name = str(loc[-1])
                message = (
                    f"{name} does not belong here"
                    if name in known
                    else f"{name} is not a known field{did_you_mean(name, known)}"
                )
            case "missing":
                message = f"{loc[-1]} is missing"
            case "union_tag_invalid":
                loc = (*loc, context["discriminator"].strip("'"))
                message = _unknown(context["tag"], QUOTED.findall(context["expected_tags"]))
            case "literal_error" | "enum":
                message = _unknown(str(detail["input"]), QUOTED.findall(context["expected"]))
            case "value_error":
                message = str(context["error"])
            case _:
                message = in_words(detail)
        return self.problem(loc, message)


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is too short only because its items were refused."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(loc)] == loc for other in details if other is not detail
    )


def _complaint(source: str, problem: Problem) -> str:
    where = f"{source}:{problem.line}:"
    return " ".join([where, *([f"{problem.path}:"] if problem.path else []), problem.message])


def _unknown(word: str, known: list[str]) -> str:
    suggestion = did_you_mean(word, known) or f"; it is one of {', '.join(known)}"
    return f"{word} is not known{suggestion}"


def _field_names(schema: dict[str, Any]) -> set[str]:
    """Every field name of a model and of the models inside it, from its JSON schema."""
    nested = schema.get("$defs", {}).values()
    return set(schema.get("properties", {})).union(*map(_field_names, nested))


def _step(node: Node, part: int | str) -> tuple[Node, int] | None:
    """The value at `part`, and the line where it, or the name before it, starts."""
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: Node = node.value[part]
        return item, item.start_mark.line
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key.start_mark.line
    return None


def _repeated(node: Node) -> Iterator[Problem]:
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield Problem(key.start_mark.line + 1, key.value, "given twice")
            seen.add(key.value)
            yield from _repeated(value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _repeated(item)
