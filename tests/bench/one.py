"""`python -m tests.bench.one NAME RECORDS TASKS`: one measure, in a process that does nothing else.

Standard input is how to connect to the sandbox, standard output the figures: JSON both.
"""

import json
import sys

from tests.bench.measures import MEASURES
from tests.bench.plan import Sizes


def main(name: str, records: int, tasks: int) -> None:
    described = json.load(sys.stdin)
    row = MEASURES[name](described, Sizes(records=records, tasks=tasks))
    print(json.dumps({"name": name, **row}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
