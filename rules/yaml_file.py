"""What the entries of our YAML files have in common, and how a file is refused."""

from pydantic import BaseModel, ConfigDict

LARGEST = 2**20
TOO_LARGE = f"the file is larger than {LARGEST // 2**20} MB, as no file of this kind needs to be"

Loc = tuple[int | str, ...]


class Entry(BaseModel):
    """What a file may hold: frozen, and a field nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileProblem(ValueError):
    """The text is refused; `problems` holds one `source:line: field: reason` each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
