"""`python -m tests.bench.fast RECORDS FASTER`: a Bitrix24 portal with the published limits, whose
buckets drain so many times faster than in life."""

import json
import sys
import time

from connectors.bitrix24.sandbox import SandboxOptions, create_app, describe
from connectors.sandbox.runner import serve


def main(records: int, faster: float) -> None:
    options = SandboxOptions(records=records)
    app = create_app(options, lambda: time.monotonic() * faster)
    tell = lambda base: print(json.dumps(describe(options, base)), flush=True)  # noqa: E731, T201
    serve(app, "127.0.0.1", 0, announce=tell)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
