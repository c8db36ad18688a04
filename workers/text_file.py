"""The text of a file that a person wrote, refused in words where it is none."""

from pathlib import Path

from rules.yaml_file import LARGEST, TOO_LARGE, FileProblem


def text_of(file: Path) -> str:
    """Raises FileProblem when it is no text, or too long for one, and OSError."""
    if file.stat().st_size > LARGEST:
        raise FileProblem([f"{file}:1: {TOO_LARGE}"])
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        told = f"{file}:{line}: the file is not UTF-8 text; save it as UTF-8"
        raise FileProblem([told]) from error
