"""One row of the table: a fault under load, until all is well again, and then the books."""

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from tests.chaos.backlog import add_backlog
from tests.chaos.books import OPEN, judge
from tests.chaos.load import Load
from tests.chaos.stand import PLENTY, SECONDS, Stand

#: Orders placed over the APIs while workers rest, before the fault: this share of all.
BEFORE = 0.5
#: What two workers do at the very least, faults and all.
SETTLED_A_SECOND = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: *act* brings it about and takes it away again, and returns how often it came."""

    name: str
    description: str
    act: "Callable[[Running], int]"
    cancels: float = 0.2
    #: Whether a request may end without an answer: its process is killed.
    may_cut: bool = False
    #: Whether the stand is of no use afterwards.
    last: bool = False


@dataclass(slots=True)
class Running:
    """What a fault has to do with."""

    stand: Stand
    load: Load
    random: random.Random
    products: list[int]
    orders: int
    #: Orders that are made to fail.
    poison: set[int] = field(default_factory=set)
    #: What else was measured or is wrong.
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    #: What waits for more load to end.
    more: list[Callable[[], None]] = field(default_factory=list)

    def pause(self, shortest: float, longest: float) -> None:
        """Let the load go on for a while."""
        time.sleep(self.random.uniform(shortest, longest))

    def load_more(self, orders: int) -> None:
        """Let more orders come beside what the fault does from now on."""
        self.more.append(self.stand.begin(self.load.place(orders)))

    def open_orders(self) -> int:
        """How many orders are accepted and not final."""
        return int(self.stand.value(OPEN))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    fault: str
    description: str
    seed: int
    times: int
    orders: int
    in_flight: int
    requests: int
    cut: int
    lost: int
    doubled: int
    oversold: int
    dirty: int
    longest_answer: float
    seconds_to_heal: float
    note: str
    wrong: list[str]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.oversold or self.dirty or self.wrong)

    def as_json(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return asdict(self)


def warm_up(stand: Stand, orders: int = 300) -> None:
    """Let a new stand settle some orders: faults happen to a service that runs."""
    name = "warm-up"
    products = stand.add_products(name, scarce=PLENTY)
    load = Load(name, stand.api_ports, stand.tokens, products, seed=name, cancels=0.0)
    with stand.frozen_workers():
        stand.run(load.place(orders))
    stand.until(lambda: stand.value(OPEN) == 0)


def run_row(
    stand: Stand, fault: Fault, *, seed: int, orders: int, clients: int = 12, backlog: int = 0
) -> Row:
    """Let a fault happen under load, wait until all is well, and check the books.

    Args:
        orders: how many are placed; half of them wait for workers when the fault comes, and the rest comes meanwhile.
        backlog: how many more wait then, which nobody had to place over HTTP.
    """
    name = f"{fault.name}:{seed}"
    scarce = max(5, (orders + backlog) // 4)
    products = stand.add_products(name, scarce=scarce)
    load = Load(
        name, stand.api_ports, stand.tokens, products, seed=name, cancels=fault.cancels, clients=clients
    )
    stand.seconds = SECONDS + backlog / SETTLED_A_SECOND
    running = Running(stand, load, random.Random(name), products, orders)
    before = int(orders * BEFORE)
    with stand.frozen_workers():
        stand.run(add_backlog(stand, load, backlog))
        stand.run(load.place(before))
        in_flight = running.open_orders()
    load.may_cut = fault.may_cut
    running.load_more(orders - before)
    times = fault.act(running)
    ended = time.monotonic()
    last = stand.value("SELECT coalesce(max(id), 0) FROM orders")
    stand.mend()
    healed = _heal(running, last) - ended
    try:
        stand.until(lambda: all(wish.finished for wish in load.tally.wishes))
        stand.until(lambda: running.open_orders() == 0)
    except TimeoutError as error:
        running.wrong.append(f"not all well in the end: {str(error)[:2000]}")
        load.gives_up = True
    for finish in running.more:
        finish()
    verdict = judge(stand, name, load.tally, products, scarce, running.poison)
    tally = load.tally
    wrong = [*running.wrong, *verdict.wrong, *(f"dirty: {answer}" for answer in tally.dirty[:5])]
    if tally.dirty and "Traceback" in (log := stand.log()):
        wrong.append("the last trace in the log:\n" + log[log.rindex("Traceback") :][:4_000])
    return Row(
        fault=fault.name,
        description=fault.description,
        seed=seed,
        times=times,
        orders=tally.placed,
        in_flight=in_flight,
        requests=tally.requests,
        cut=tally.cut,
        lost=verdict.lost,
        doubled=verdict.doubled,
        oversold=verdict.oversold,
        dirty=len(tally.dirty),
        longest_answer=round(tally.longest, 2),
        seconds_to_heal=round(healed, 1),
        note="; ".join(running.notes),
        wrong=wrong,
    )


def _heal(running: Running, last: int) -> float:
    """Wait until all processes are ready and all orders from before the end of the fault are final; return when."""
    stand = running.stand
    still_open = f"{OPEN} AND id <= $1"

    def is_healed() -> bool:
        return stand.is_ready() and stand.value(still_open, last) == 0

    try:
        stand.until(is_healed)
    except TimeoutError as error:
        running.wrong.append(f"never healed: {str(error)[:2000]}")
    return time.monotonic()
