"""Children of this process that tell what they do, and can be killed -9 in the middle of it.

A fork costs milliseconds where a process of its own would import dbt for seconds. But a child of a
process that has run threads may crash or wait for ever, since it has their locks without them. So
children come from a server process that has imported all and run nothing; but for those that need
dbt's project as this process has parsed it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkServerContext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hirehouse.landing.land
import hirehouse.landing.write_batches
from hirehouse.landing.inputs import Limits
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse

# What each child on the Redshift rig would import for 1.5 seconds.
REDSHIFT = "dbt.adapters.redshift.connections"
PATIENCE = 180  # seconds without a word from a child, after which it is taken for stuck
MODELS = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
Tell = Callable[[str], None]


def _work(work: Callable[[Tell], None], variables: dict[str, str], told: Connection) -> None:
    """What a child does; threads don't mix its lines, each being one message."""
    os.environ |= variables
    try:
        work(lambda line: told.send_bytes(line.encode()))
    except BaseException:
        told.send_bytes(traceback.format_exc().encode())
        os._exit(1)
    os._exit(0)


class Fork:
    """A child that runs a function, which is given a function to tell lines of text with.

    Args:
        work: what can be pickled, unless `mine`.
        mine: it needs what this process has in memory, such as dbt's project.
    """

    def __init__(self, work: Callable[[Tell], None], *, mine: bool = False) -> None:
        context: ForkContext | ForkServerContext
        context = get_context("fork") if mine else get_context("forkserver")
        self.pipe, told = context.Pipe(duplex=False)
        self.said: list[str] = []
        arguments = (work, dict(os.environ), told)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        context.set_forkserver_preload([__name__, REDSHIFT])
        # The server, which the first child starts, finds this module by a variable alone.
        with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))):
            # To collect what this process has left, such as a Kafka client, would crash a child
            # that lacks its threads.
            gc.freeze()
            try:
                self.process.start()
            finally:
                gc.unfreeze()
        told.close()
        self.pid = self.process.pid or 0

    def lines(self) -> Iterator[str]:
        """What the child tells, as it tells it, to its end."""
        while not self.pipe.closed:
            if not self.pipe.poll(PATIENCE):
                self.kill()
                raise AssertionError(f"a child is stuck after {self.said[-3:]}")
            try:
                self.said.append(self.pipe.recv_bytes().decode())
            except EOFError:
                self.pipe.close()
                return
            yield self.said[-1]

    def until(self, wanted: str) -> bool:
        """Wait for a line; False if the child ends without it."""
        return any(line == wanted for line in self.lines())

    def kill(self) -> bool:
        """Kill it -9 and read the rest of what it told; False if it had ended before."""
        self.process.kill()
        return self._end() == -signal.SIGKILL

    def finish(self) -> list[str]:
        """Wait for its end and give all it told; AssertionError if it failed."""
        assert self._end() == 0, "\n".join([f"exit code {self._end()}", *self.said[-40:]])
        return self.said

    def ended(self) -> bool:
        """Whether it has come to its end; does not wait for it."""
        return self.process.exitcode is not None

    def _end(self) -> int:
        for _ in self.lines():
            pass
        self.process.join()
        assert self.process.exitcode is not None
        return self.process.exitcode


def tell_of_batches(tell: Tell, pause: float = 0) -> None:
    """In this process, which is a child's, tell "batch" as each one begins, and pause then."""
    begin_batch = hirehouse.landing.write_batches.begin_batch

    def begin_aloud(warehouse: Warehouse, inputs: str) -> int:
        batch_id = begin_batch(warehouse, inputs)
        tell("batch")
        time.sleep(pause)
        return batch_id

    hirehouse.landing.write_batches.begin_batch = begin_aloud


def landing(
    paths: Sequence[str | Path],
    limits: Limits | None = None,
    pause: float = 0,
    *,
    remove: bool = False,
) -> Callable[[Tell], None]:
    """Land into the warehouse of this process's variables; tells "batch" as each one begins.

    Args:
        pause: seconds to wait within each batch, so that others meet it there.
        remove: delete segments that have landed.
    """
    return partial(_land, [str(path) for path in paths], limits, pause, remove)


def _land(
    paths: Sequence[str], limits: Limits | None, pause: float, remove: bool, tell: Tell
) -> None:
    tell_of_batches(tell, pause)
    with open_warehouse(say=tell) as warehouse:
        hirehouse.landing.land.land(paths, warehouse, limits=limits, remove=remove)


def building(dbt: WarmDbt, *arguments: str) -> Callable[[Tell], None]:
    """Build; tells "NodeStart" and "NodeFinished" with the node's id."""

    def work(tell: Tell) -> None:
        def on_event(event: Any) -> None:
            if event.info.name in ("NodeStart", "NodeFinished"):
                tell(f"{event.info.name} {event.data.node_info.unique_id}")

        dbt.runner.callbacks = [on_event]
        outcome = dbt.run("build", *arguments)
        assert outcome.success, outcome.failed()

    return work


def running(said: Sequence[str]) -> set[str]:
    """The nodes that were under way when a build fell silent."""
    nodes: set[str] = set()
    for line in said:
        event, _, node = line.partition(" ")
        if event == "NodeStart":
            nodes.add(node)
        elif event == "NodeFinished":
            nodes.discard(node)
    return nodes
