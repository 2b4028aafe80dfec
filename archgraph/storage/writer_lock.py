"""One writer per agent file, by an operating-system lock that dies with its process.

The lock lies on a file beside the agent's (`<file>-lock`), never on the agent's own: closing a
second descriptor of a SQLite file would drop SQLite's own locks.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from archgraph import errors

try:
    import fcntl
except ImportError:  # Windows has no flock
    fcntl = None  # type: ignore[assignment]


class WriterLock:
    """A held lock; `release` lets the next writer in."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    def release(self) -> None:
        """Let go; the lock file is removed while it is still ours."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def acquire(path: str) -> WriterLock:
    """Become the writer of an agent file.

    Raises:
        AgentBusy: another process (or another agent of this one) is writing to it.
        AgentFileError: the folder is not there, or cannot be written.
        MachineError: the disk is full.
    """
    beside = Path(f"{path}-lock")
    while True:
        try:
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _refusal(path, error) from error
        if not _try_lock(descriptor):
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise errors.AgentBusy(
                f"{path} is being written to by process {holder}; one writer at a time. "
                "Wait for it, read with `archgraph journal`, or work on a copy made with "
                "`archgraph fork`"
            )
        if _still_there(descriptor, beside):
            held = WriterLock(descriptor, beside)
            try:
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            except OSError as error:
                held.release()
                raise _refusal(path, error) from error
            return held
        os.close(descriptor)  # the former holder removed the file between our open and lock


def _refusal(path: str, error: OSError) -> errors.ArchgraphError:
    """Why a lock file could not be written, and what to do about it."""
    folder = Path(path).absolute().parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return errors.MachineError(f"no room for {path}: the disk is full; free some space on it")
    remedy = "an agent needs a folder that can be written; work on a copy elsewhere"
    if not folder.exists():
        remedy = f"there is no folder {folder}; make it first"
    return errors.AgentFileError(f"cannot write beside {path}: {error.strerror}; {remedy}")


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _still_there(descriptor: int, path: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
