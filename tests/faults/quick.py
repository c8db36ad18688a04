"""The product with a lease of two seconds in place of twenty, a reconciler that comes every second
and short pauses after a failure: what a kill costs at full length is measured elsewhere, here it is
the number of kills that counts.

`python -m tests.faults.quick run`, and what that starts: `worker …`, `schedule-loop`.
"""

import os
import sys
from datetime import timedelta
from itertools import chain

from sync.store import runs

# Before it is imported by whoever keeps a copy.
runs.LEASE = timedelta(seconds=2)

from config.log import configure_logging  # noqa: E402
from config.settings import load_settings  # noqa: E402
from sync import pull, push  # noqa: E402
from workers import scheduler  # noqa: E402
from workers.cli import main  # noqa: E402
from workers.processes import Supervisor  # noqa: E402
from workers.service import stages  # noqa: E402

scheduler.RECONCILE_SECONDS = 1.0
push.FIRST_PAUSE = timedelta(seconds=0.5)
pull.PAUSES = (timedelta(seconds=0.5),) * 5
THIS = "tests.faults.quick"


def run() -> None:
    settings = load_settings(os.environ)
    configure_logging(settings.log, str)
    planned = stages(settings)
    for program in chain(*planned):
        program.command = tuple(THIS if word == "workers" else word for word in program.command)
    Supervisor(planned).run()


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        run()
    else:
        main()
