"""The short form of ``make chaos``: the most telling faults, one after the other, on one system.

No time is measured: each row waits until all is well, however long that takes.
"""

import sys
from collections.abc import Iterator

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.rows import Fault, run_row
from tests.chaos.stand import Stand, running_stand

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
]

SEED, ORDERS = 1, 40
CHOSEN = (
    "worker-killed-at-statements",
    "api-killed",
    "valkey-flushed",
    "postgres-killed",
    "fail-over",
)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """A system that one fault after the other happens to."""
    with running_stand() as running:
        yield running


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.name in CHOSEN], ids=lambda fault: fault.name
)
def test_nothing_is_lost_doubled_or_oversold(stand: Stand, fault: Fault) -> None:
    row = run_row(stand, fault, seed=SEED, orders=ORDERS, clients=6)
    assert row.orders >= ORDERS
    assert (row.lost, row.doubled, row.oversold, row.dirty, row.wrong) == (0, 0, 0, 0, [])
