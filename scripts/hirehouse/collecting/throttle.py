"""Addresses that send wrong write keys are kept waiting."""

import ipaddress
import math
import time
from collections import OrderedDict

WRONG_KEYS = 20  # of an address in a window, before it has to wait
WINDOW = 60.0  # seconds
ADDRESSES = 10_000  # that are remembered


class Throttle:
    """Counts the wrong keys of each address, in windows that begin with its first wrong key.

    Memory is bounded: beyond ADDRESSES, the one whose window began first is forgotten.
    """

    def __init__(self) -> None:
        self.counts: OrderedDict[str, tuple[float, int]] = OrderedDict()  # window's end, wrong keys

    def note(self, address: str) -> None:
        network, now = _network(address), time.monotonic()
        end, count = self.counts.get(network, (0.0, 0))
        if now >= end:
            self.counts.pop(network, None)  # so that the new window comes last
            end, count = now + WINDOW, 0
        self.counts[network] = end, count + 1
        if len(self.counts) > ADDRESSES:
            self.counts.popitem(last=False)

    def wait(self, address: str) -> int:
        """Seconds that an address has to wait; 0 if it does not."""
        end, count = self.counts.get(_network(address), (0.0, 0))
        return max(0, math.ceil(end - time.monotonic())) if count >= WRONG_KEYS else 0


def _network(address: str) -> str:
    """An address of IPv4, or the network of one of IPv6, of which each client has 2^64."""
    address = address[:64]  # a proxy may have written anything
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address
