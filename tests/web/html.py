"""Reads a page as a browser would, and fails where one would have to guess."""

from html.parser import HTMLParser

INLINE = {"a", "code", "q", "span", "strong", "time"}
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """`text` of the page, a space between two blocks; `tags` in order; `ids` as they come."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self._pieces: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    @property
    def text(self) -> str:
        return " ".join("".join(self._pieces).split())

    @property
    def ids(self) -> list[str | None]:
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} says something twice: {names}"
        self.tags.append((tag, dict(attrs)))
        self._separate(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"{tag} was never opened"
        assert self._open.pop() == tag
        self._separate(tag)

    def _separate(self, tag: str) -> None:
        if tag not in INLINE:
            self._pieces.append(" ")

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)
