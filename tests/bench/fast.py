"""`python -m tests.bench.fast RECORDS FASTER`: a Bitrix24 portal with the published limits, whose
buckets drain so many times faster than in life."""

import json
import sys
import time

from connectors.bitrix24.sandbox import SandboxOptions, create_app, describe
from connectors.sandbox.asgi import App
from connectors.sandbox.runner import serve


def main(records: int, faster: float) -> None:
    options = SandboxOptions(records=records)

    def made(base: str) -> App:
        app = create_app(options, lambda: time.monotonic() * faster)
        print(json.dumps(describe(options, base)), flush=True)  # noqa: T201  # read by the bench
        return app

    serve(made, "127.0.0.1", 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
