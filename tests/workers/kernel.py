"""What the kernel says of processes, read from /proc."""

import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def alive(pid: int) -> bool:
    return _state(pid) not in (None, "Z")


def children_of(pid: int) -> list[int]:
    return [child for child in _children(pid) if alive(child)]


def descendants_of(pid: int) -> list[int]:
    """Children first, then theirs, and so on."""
    found = children_of(pid)
    for child in found:
        found.extend(children_of(child))
    return found


def processes_of(home: Path) -> list[int]:
    """Every living process that has `home` as its RETRO_HOME or works below it, whoever its
    parent is; without this one."""
    mark = b"RETRO_HOME=" + os.fsencode(home)
    return [
        pid for pid in _pids() if pid != os.getpid() and alive(pid) and _belongs(pid, mark, home)
    ]


def _belongs(pid: int, mark: bytes, home: Path) -> bool:
    try:
        if mark in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            return True
        # The Redis server overwrites its environment with its title.
        return (PROC / str(pid) / "cwd").readlink().is_relative_to(home)
    except OSError:
        return False


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _state(pid: int) -> str | None:
    fields = _stat(pid)
    return fields[0] if fields else None


def _children(pid: int) -> list[int]:
    """The kernel lists them by the thread that started them."""
    listed: list[int] = []
    with suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                listed.extend(map(int, (thread / "children").read_text().split()))
    return listed


def _stat(pid: int) -> list[str] | None:
    """State, parent, …: the fields behind the command, which may hold spaces."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
