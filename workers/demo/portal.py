"""`python -m workers.demo.portal`: the sandbox portal of the demo's company, as a process."""

import argparse
import json
import sys

from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app, describe
from connectors.sandbox.runner import serve
from workers.demo.company import portal_data
from workers.demo.counts import perturbed
from workers.demo.world import load_world, story_counts

HOST = "127.0.0.1"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers.demo.portal")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--perturb", type=int)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    counts = story_counts()
    if given.perturb is not None:
        counts = perturbed(counts, given.perturb)
    options = SandboxOptions(
        seed=given.seed,
        data=portal_data(counts, given.seed),
        start_at=load_world().now,
        frozen=True,
    )
    app = create_app(options)
    sys.stdout.write(json.dumps(describe(options, f"http://{HOST}:{given.port}")) + "\n")
    sys.stdout.flush()
    serve(lambda _base: app, HOST, given.port)


if __name__ == "__main__":
    main()
