"""Children of this process that tell what they do, and can be killed -9 in the middle of it.

A fork costs milliseconds where a process of its own would import and parse dbt for seconds. This
process must hold no open DuckDB file and run no threads at a fork: a child gets copies of neither.
"""

from __future__ import annotations

import os
import select
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hirehouse.land
import hirehouse.write
from hirehouse.read import Limits
from hirehouse.warehouse import open_warehouse
from hirehouse.warm import WarmDbt

PATIENCE = 180  # seconds without a word from a child, after which it is taken for stuck
MODELS = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
Tell = Callable[[str], None]


class Fork:
    """A child that runs a function, which is given a function to tell lines of text with."""

    def __init__(self, work: Callable[[Tell], None]) -> None:
        self.pipe, told = os.pipe()
        self.unread = b""
        self.said: list[str] = []
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid:
            os.close(told)
            return

        def tell(line: str) -> None:
            os.write(told, f"{line}\n".encode())  # at once, so that threads don't mix their lines

        try:
            work(tell)
            os._exit(0)
        except BaseException:
            os.write(told, traceback.format_exc().encode())
        finally:
            os._exit(1)

    def lines(self) -> Iterator[str]:
        """What the child tells, as it tells it, to its end."""
        while self.pipe >= 0:
            while b"\n" in self.unread:
                line, _, self.unread = self.unread.partition(b"\n")
                self.said.append(line.decode())
                yield self.said[-1]
            ready, _, _ = select.select([self.pipe], [], [], PATIENCE)
            if not ready:
                self.kill()
                raise AssertionError(f"a child is stuck after {self.said[-3:]}")
            block = os.read(self.pipe, 1 << 16)
            if not block:
                os.close(self.pipe)
                self.pipe = -1
                return
            self.unread += block

    def until(self, wanted: str) -> bool:
        """Wait for a line; False if the child ends without it."""
        return any(line == wanted for line in self.lines())

    def kill(self) -> bool:
        """Kill it -9 and read the rest of what it told; False if it had ended before."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
        return self._end() == -signal.SIGKILL

    def finish(self) -> list[str]:
        """Wait for its end and give all it told; AssertionError if it failed."""
        assert self._end() == 0, "\n".join(self.said[-40:])
        return self.said

    def ended(self) -> bool:
        """Whether it has come to its end; does not wait for it."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def _end(self) -> int:
        for _ in self.lines():
            pass
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status


def landing(
    paths: Sequence[str | Path], limits: Limits | None = None, direct: int = 0
) -> Callable[[Tell], None]:
    """Land into the warehouse of this process's variables; tells "batch" as each one begins.

    Args:
        direct: batches of up to so many rows are written without dlt.
    """

    def work(tell: Tell) -> None:
        begin_batch = hirehouse.write.begin_batch

        def begin_aloud(*arguments: Any) -> int:  # noqa: ANN401 - whatever it takes
            batch_id = begin_batch(*arguments)
            tell("batch")
            return batch_id

        hirehouse.write.begin_batch = begin_aloud
        with open_warehouse(say=tell) as warehouse:
            hirehouse.land.land(paths, warehouse, limits=limits, direct=direct)

    return work


def building(dbt: WarmDbt, *arguments: str) -> Callable[[Tell], None]:
    """Build; tells "NodeStart" and "NodeFinished" with the node's id."""

    def work(tell: Tell) -> None:
        def on_event(event: Any) -> None:  # noqa: ANN401 - a message of dbt's
            if event.info.name in ("NodeStart", "NodeFinished"):
                tell(f"{event.info.name} {event.data.node_info.unique_id}")

        dbt.runner.callbacks = [on_event]
        outcome = dbt.run("build", *arguments)
        assert outcome.success, {node: outcome.messages[node] for node in outcome.failed()}

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
