"""Several calls of a read as one: an org counts its requests by the day, and a `/composite` call is
one of them, whatever it is made of."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.http import Answer, ApiClient
from connectors.salesforce.rows import Parts

MOST_PARTS, MOST_QUERIES = 25, 5
# Older than this, an answer is asked for again: the org goes on meanwhile.
SECONDS_FRESH = 5.0


@dataclass
class Ahead:
    """Answers to queries that follow at once, by their addresses."""

    clock: Callable[[], float] = time.monotonic
    answers: dict[str, tuple[Answer, float]] = field(default_factory=dict)

    def keep(self, answers: Mapping[str, Answer]) -> None:
        """Beside those that are still fresh."""
        now = self.clock()
        self.answers = {url: kept for url, kept in self.answers.items() if now < kept[1]}
        self.answers |= {url: (answer, now + SECONDS_FRESH) for url, answer in answers.items()}

    def take(self, url: str) -> Answer | None:
        """Once, and while it is fresh."""
        if url not in self.answers:
            return None
        answer, until = self.answers.pop(url)
        return answer if self.clock() < until else None


def several(api: ApiClient, path: str, urls: Sequence[str]) -> Mapping[str, Answer]:
    """What can be had of these addresses, in one request; the others are left out, and tell what is
    wrong when they are asked for alone. Raises what it failed with as a whole."""
    parts = [
        {"method": "GET", "url": url, "referenceId": f"part{number}"}
        for number, url in enumerate(urls)
    ]
    answer = api.search(path, {"allOrNone": False, "compositeRequest": parts})
    told = answer.decode(Parts).composite_response
    return {
        url: Answer(bytes(part.body), answer.headers)
        for url, part in zip(urls, told, strict=False)
        if part.is_good
    }
