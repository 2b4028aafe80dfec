"""Workers as tasks of a Dask cluster: the engine `dask` (SLURM, Kubernetes, SSH, this machine).

The only module that imports `distributed` (extra `dask`). A task is a worker that takes units for
a while and then makes room; it connects back to the coordinator, which alone holds the ledger and
the keys. Dask may run a task twice or lose one: the ledger decides what counts.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
from typing import Any

import pydantic

from archgraph import clock, errors
from archgraph.suites.running import engine, wire, worker

_SECONDS = 10.0
"""How long a task takes units before it makes room for others of the cluster."""

_LOOK = 1.0
"""Seconds between two looks at the size of the cluster."""

_TRIES = 20
"""Tasks in a row that end in an error after which the run gives up."""

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "")


def _task(host: str, port: int, key: str) -> str:
    """What a task of the cluster does."""
    return worker.work(wire.Door(host, port, key), _SECONDS)


class Dask(engine.Engine):
    """Tasks of a Dask cluster, as many as it has threads; machines may come and go."""

    class Options(engine.Options):
        """Options of the engine `dask`."""

        scheduler: str = ""
        """The scheduler's address, such as `tcp://login-node:8786`. Left out: a cluster of as many
        processes as there are workers is started on this machine."""
        timeout: float = pydantic.Field(15.0, gt=0)
        """Seconds that the scheduler has to answer at first."""

    options: Options

    def __init__(self, options: Any, workers: int) -> None:
        super().__init__(options, workers)
        try:
            self._distributed = importlib.import_module("distributed")
        except ImportError as error:
            raise errors.MachineError(
                f"the engine dask needs the package distributed ({error}): "
                "pip install '.[dask]' in archgraph's checkout"
            ) from error
        self._client: Any = None
        self._cluster: Any = None
        self._door = wire.Door("", 0, "")
        self._tasks: list[Any] = []
        self._looked, self._threads, self._failed = 0.0, 0, 0

    def host(self) -> str:
        """The address under which the cluster's machines see this one."""
        place = self.options.scheduler.rpartition("//")[2].rpartition(":")[0]
        if self.options.host or place in _LOOPBACK:
            return super().host()
        return str(self._distributed.utils.get_ip(place))

    def start(self, door: wire.Door) -> None:
        """Connect to the cluster, or start one.

        Raises:
            MachineError: there is no scheduler at the address.
        """
        self._door = door
        try:
            if not self.options.scheduler:
                self._cluster = self._distributed.LocalCluster(
                    n_workers=self.workers, threads_per_worker=1, processes=True,
                    dashboard_address=None, silence_logs=logging.CRITICAL,
                )  # fmt: skip
            self._client = self._distributed.Client(
                self._cluster or self.options.scheduler, set_as_default=False,
                timeout=self.options.timeout,
            )  # fmt: skip
        except (OSError, TimeoutError) as error:
            raise errors.MachineError(
                f"no Dask scheduler answers at {self.options.scheduler or 'this machine'} "
                f"({error}); start one with `dask scheduler`, or mend the address"
            ) from error

    def tend(self, missing: int) -> None:
        """Keep two tasks for each thread of the cluster: one that runs, one that waits.

        Raises:
            MachineError: tasks fail again and again, or the scheduler is gone.
        """
        self._tasks = [each for each in self._tasks if not self._ended(each)]
        now = clock.elapsed()
        if now - self._looked >= _LOOK or not self._threads:
            self._looked = now
            self._threads = sum(self._asked(self._client.nthreads).values())
        while len(self._tasks) < 2 * max(1, self._threads):
            self._tasks.append(self._asked(self._submit))

    def stop(self, *, kill: bool) -> None:
        """Take back the tasks that wait, and let go of the cluster."""
        with contextlib.suppress(Exception):  # the cluster may be gone, which is all the same now
            if self._client is not None:
                self._client.cancel(self._tasks)
                self._client.close()
        with contextlib.suppress(Exception):
            if self._cluster is not None:
                self._cluster.close()

    def _submit(self) -> Any:
        door = self._door
        return self._client.submit(_task, door.host, door.port, door.key, pure=False)

    def _asked(self, ask: Any) -> Any:
        try:
            return ask()
        except Exception as error:  # distributed raises several kinds when a scheduler goes away
            raise errors.MachineError(
                f"the Dask scheduler is gone ({errors.inside(error)}); what is done is safe, "
                "run again when it is back"
            ) from error

    def _ended(self, task: Any) -> bool:
        """Whether a task is over; a worker that was killed is replaced, many in a row are not."""
        status = task.status
        if status not in ("finished", "error", "cancelled", "lost"):
            return False
        if status == "finished" and task.result() != worker.LOST:
            self._failed = 0
            return True
        self._failed += 1
        error = task.exception() if status == "error" else None
        if status == "finished" and self._failed >= _TRIES:
            raise errors.MachineError(
                f"the machines of the Dask cluster do not reach {self._door.host}:"
                f"{self._door.port}; name an address of this machine that they can reach (host)"
            )
        if isinstance(error, errors.MachineError):
            raise error
        if self._failed >= _TRIES:
            why = f": {errors.inside(error)}" if error else ""
            raise errors.MachineError(f"the tasks of the Dask cluster fail again and again{why}")
        return True
