"""Reads YAML that strangers wrote: no aliases, no depth, and a value that is none stays its text.

Aliases let a few lines stand for billions, and each level takes a call of the reader's own.
"""

from typing import Any

import yaml
from yaml import AliasEvent, Node, ScalarNode

DEEPEST = 40


class Unwelcome(yaml.MarkedYAMLError):
    """YAML that is sound, but that no file of ours needs."""


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML has no types
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _unwelcome("anchors (&) and aliases (*) are not read; write it out", event)
        if self._depth == DEEPEST:
            raise _unwelcome(f"nested more than {DEEPEST} levels deep", event)
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError):
            # The 30th of February. As a text it is refused where it stands, by whoever reads it.
            if isinstance(node, ScalarNode):
                return node.value
            raise


def load(text: str) -> tuple[Node | None, Any]:
    """The nodes of the text, which know their lines, and its content. Raises yaml.YAMLError."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _unwelcome(problem: str, event: Any) -> Unwelcome:
    return Unwelcome(problem=problem, problem_mark=event.start_mark)
