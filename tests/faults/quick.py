"""The product with shorter waits, for tests that count kills and not the minutes each may cost.

LAB_LEASE: seconds of a lease (20 in the product); then the reconciler comes every second and pauses
after a failure are short, and a create that was cut off may be looked for soon: the sandbox ends
its calls at once. LAB_BUCKET: how many times faster the bucket of an account drains.

`python -m tests.faults.quick run`, and what that starts: `worker …`, `schedule-loop`.
"""

import os
import sys
from datetime import timedelta
from itertools import chain

from sync.store import runs

LEASE = float(os.environ.get("LAB_LEASE", "20"))
BUCKET = float(os.environ.get("LAB_BUCKET", "1"))
# Before it is imported by whoever keeps a copy.
runs.LEASE = timedelta(seconds=LEASE)

from config.log import configure_logging  # noqa: E402
from config.settings import load_settings  # noqa: E402
from connectors.bitrix24 import connector  # noqa: E402
from sync import pull, push  # noqa: E402
from workers import scheduler  # noqa: E402
from workers.cli import main  # noqa: E402
from workers.processes import Supervisor  # noqa: E402
from workers.service import stages  # noqa: E402

connector.BUDGETS = {
    plan: (burst, rate * BUCKET) for plan, (burst, rate) in connector.BUDGETS.items()
}
if LEASE < scheduler.RECONCILE_SECONDS:
    scheduler.RECONCILE_SECONDS = 1.0
    push.FIRST_PAUSE = timedelta(seconds=0.5)
    pull.PAUSES = (timedelta(seconds=0.5),) * 5
    connector.Bitrix24.longest_call = timedelta(seconds=LEASE)
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
