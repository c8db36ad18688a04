"""What the entries of our YAML files have in common, and how a file is refused."""

from pydantic import BaseModel, ConfigDict

Loc = tuple[int | str, ...]


class Entry(BaseModel):
    """What a file may hold: frozen, and a field nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileProblem(ValueError):
    """The text is refused; `problems` holds one `source:line: field: reason` each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
