"""The lock of `hirehouse run` on the Redshift rig: a lease that is renewed."""

from __future__ import annotations

import subprocess

import pytest

from hirehouse.running.lock import LEASED, LoopLock, LoopLockHeld
from hirehouse.warehouse.connections import open_warehouse

pytestmark = pytest.mark.usefixtures("redshift_environment")


def other(holder: str) -> LoopLock:
    lock = LoopLock()
    lock.holder = holder
    return lock


def until() -> list[tuple[str, int]]:
    """The holder, and the seconds that its lease is good for."""
    with open_warehouse() as warehouse:
        return [
            (holder, int(seconds))
            for holder, seconds in warehouse.query(
                "select holder, datediff(second, getdate(), until) from landed.loop_lease"
            )
        ]


def test_one_loop_has_the_lease_until_it_releases_it() -> None:
    first, second = LoopLock(), other("hirehouse run, process 1 on elsewhere")
    first.acquire()
    first.acquire()
    with pytest.raises(LoopLockHeld, match=r"process \d+ on .*at least until 20"):
        second.acquire()
    first.release()
    second.acquire()
    [(holder, seconds)] = until()
    assert holder == second.holder
    assert LEASED - 60 < seconds <= LEASED


def test_a_lease_is_renewed_in_time_and_otherwise_ends() -> None:
    first, second = LoopLock(), other("hirehouse run, process 1 on elsewhere")
    first.acquire()
    with open_warehouse() as warehouse:
        warehouse.execute("update landed.loop_lease set until = dateadd(second, 5, getdate())")
    first.leased_at -= LEASED / 2
    first.acquire()
    assert until()[0][1] > LEASED / 2
    with open_warehouse() as warehouse:
        warehouse.execute("update landed.loop_lease set until = getdate()")
    second.acquire()
    first.leased_at -= LEASED
    with pytest.raises(LoopLockHeld, match="elsewhere"):
        first.acquire()


def test_a_killed_loop_of_this_machine_does_not_block_the_next_one() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    holder = LoopLock().holder.replace(f"process {_own_process()}", f"process {gone.pid}")
    other(holder).acquire()
    LoopLock().acquire()


def _own_process() -> str:
    return LoopLock().holder.split("process ")[1].split()[0]
