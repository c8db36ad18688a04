"""A small service for the tests, on RETRO_HOME: the embedded Redis, a worker, a program that ends
when asked and, with the argument `stubborn`, one that does not."""

import os
import sys
from pathlib import Path

from config.log import configure_logging
from workers.embedded import RedisServer
from workers.instance import hold
from workers.processes import Supervisor
from workers.program import Program

IDLE = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"

if __name__ == "__main__":
    configure_logging("text", str)
    home = Path(os.environ["RETRO_HOME"])
    server = RedisServer(home)
    worker = [sys.executable, "-m", "tests.workers.run_worker", server.url, "pull"]
    second = [Program("pull", worker), Program("idle", [sys.executable, "-c", IDLE])]
    if "stubborn" in sys.argv:
        second.append(Program("stubborn", [sys.executable, "-c", STUBBORN]))
    with hold(home, "retro run"):
        Supervisor([[server], second]).run()
