"""A process that takes a run, works on it, and kills itself at a point.

`python -m tests.faults.doomed_worker ADDRESS SEED DATABASE_URL CONNECTION RUN POINT NUMBER`
"""

import sys

from connectors.bitrix24.portal.options import SandboxOptions
from tests.connectors.bitrix24.kit import Sandbox
from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, die_for_real
from tests.portal import Mirrored


def main(
    address: str, seed: str, url: str, connection_id: str, run_id: str, point: str, number: str
) -> None:
    fuse = Fuse(int(number), die_for_real, only=point)
    portal = Sandbox(SandboxOptions(seed=int(seed), limit="off"), address)
    worker = Mirrored(FusedDatabase(url, fuse), portal, int(connection_id))
    worker.work(int(run_id), worker.connector(FusedTransport(fuse)))


if __name__ == "__main__":
    main(*sys.argv[1:])
