"""What a pull read and no longer needs goes back to the system."""

import os
import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Answers of a megabyte, each followed by something small that stays; resident MB before and after.
PROGRAM = """
import resource, sys
from pathlib import Path
from workers.memory import give_back_large_blocks

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20

if sys.argv[1] == "given back":
    give_back_large_blocks()
large = bytes(range(256)) * 4096 * 20
del large
before, kept = resident(), []
for _ in range(3):
    answers = []
    for _ in range(40):
        answers.append(bytes(range(256)) * 4096)
        kept.append(bytes(1000))
    del answers
print(resident() - before)
"""


def growth(how: str) -> int:
    command = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is tuned")
def test_memory_of_answers_goes_back_to_the_system() -> None:
    assert growth("given back") < 10
    # Otherwise there would be nothing to do.
    assert growth("kept") > 30
