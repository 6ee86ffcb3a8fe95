"""Which broker this process sends through, and the one that a worker listens to.

Tasks are declared without a broker, so that importing them needs no settings::

    from taskiq import async_shared_broker

    @async_shared_broker.task(task_name="process_orders")
    async def process_orders(order_ids: list[int]) -> None: ...

Every broker of the process finds them. They are sent through a broker named on the spot, which is how several
applications live in one test process::

    await process_orders.kicker().with_broker(broker).kiq([order.id])

``process_orders.kiq([order.id])`` also works where ``async_shared_broker.default_broker(broker)`` was called, as
:func:`create_worker_broker` does; that default is one for the whole process, the last caller wins. Beware of
``kicker().with_labels()``: the kicker shares its labels with the task, so they stay for every later call.

What fails to be sent raises ``taskiq.exceptions.SendTaskError`` within a second. Messages and arguments
travel as JSON, signed by a key that Redis does not have (decision 21), and there is no result backend: results are rows
of the database.
"""

import asyncio
import gc
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from taskiq import TaskiqEvents, TaskiqState, async_shared_broker
from taskiq.receiver import Receiver

from core.http.metrics import serving_metrics
from core.metric_exchange import MetricExchange
from core.resources import Resources
from core.security.tokens import message_key
from core.settings import Settings, load_settings
from engine.cancellation import cancel_and_wait
from engine.redis import RedeliveringReceiver, SignedFormatter, StreamBroker
from tasks.heartbeat import run_heartbeat
from tasks.mail import MAIL_QUEUE
from tasks.order_batches import OrderBatches
from tasks.schedule import run_sweep

#: Key of the stream in Redis.
QUEUE = "tandem:tasks"
#: Seconds added to the lease, so that a redelivered order finds the lease of its dead worker run out.
REDELIVERY_MARGIN_SECONDS = 1.0
#: How often a message is delivered to workers that end before its task does. The sweep sends its orders again.
MAX_DELIVERIES = 5
#: Seconds for which a message is good, so that nobody can use one that they have read for long. A mail that became a
#: dead letter can be sent again as long.
MAX_AGE_SECONDS = 24 * 3600
#: Seconds without a sign of life after which a mail is taken from its worker.
MAIL_IDLE_SECONDS = 10.0
#: Seconds until a mail that was not taken is tried again: twice as long each time, up to the longest.
SHORTEST_MAIL_PAUSE, LONGEST_MAIL_PAUSE = 10.0, 600.0
#: The pauses between them take an hour. Whoever has waited longer for a mail has asked for another one.
MAX_MAIL_DELIVERIES = 12
#: Connections that a worker keeps open: batches at once, and what looks and waits beside them where something is
#: locked. It is the worst moment for opening one.
KEPT_CONNECTIONS = 8
#: Mails in progress at once in one process, each in a thread: fewer than asyncio has of these.
MAIL_SLOTS = 4


#: On which a worker answers ``GET /metrics``. Set by whoever starts the process: taskiq calls a factory by its name.
metrics_listeners: Sequence[socket.socket] = ()


def broker_for(settings: Settings) -> StreamBroker:
    """Return a broker over ``settings.redis_url``. It connects at first use; ``shutdown()`` closes it."""
    return _broker(
        settings,
        queue_name=QUEUE,
        idle_timeout=settings.order_lease_seconds + REDELIVERY_MARGIN_SECONDS,
        max_deliveries=MAX_DELIVERIES,
    )


def mail_broker_for(settings: Settings) -> StreamBroker:
    """Return the broker of the queue of mails, for a worker: who sends mails sends them through the other one."""
    return _broker(
        settings,
        queue_name=MAIL_QUEUE,
        idle_timeout=MAIL_IDLE_SECONDS,
        max_deliveries=MAX_MAIL_DELIVERIES,
        pause=mail_pause,
    )


def _broker(settings: Settings, **options: Any) -> StreamBroker:
    broker = StreamBroker(settings.redis_url, max_age=MAX_AGE_SECONDS, **options)
    return broker.with_formatter(formatter_for(settings))


def formatter_for(settings: Settings) -> SignedFormatter:
    """Return what writes the messages of these settings, and reads them and no others."""
    return SignedFormatter([message_key(key) for key in settings.secrets])


def mail_pause(deliveries: int) -> float:
    """Return the seconds until the next delivery of a mail that was delivered so many times."""
    return min(LONGEST_MAIL_PAUSE, SHORTEST_MAIL_PAUSE * 2 ** (deliveries - 1)) if deliveries else 0.0


class WorkerReceiver(Receiver):
    """What takes messages in a worker: those about orders, and in a lane beside them mails.

    However long mail servers take, no order waits for a slot. Both lanes get the signal to end at once, and finish
    what is in work within the same time.
    """

    async def listen(self, finish_event: asyncio.Event) -> None:
        """Listen to both queues until the event is set."""
        await self.broker.startup()  # opens what both lanes need
        self.run_startup = False
        mails = RedeliveringReceiver(
            self.broker.state.mail_broker,
            max_async_tasks=MAIL_SLOTS,
            wait_tasks_timeout=self.wait_tasks_timeout,
        )
        await asyncio.gather(super().listen(finish_event), mails.listen(finish_event))


def create_worker_broker() -> StreamBroker:
    """Return the broker of a worker process: what ``taskiq worker`` calls as its factory.

    With the worker come and go its resources, which tasks find as ``context.state.resources``, the batches that
    join their orders (``context.state.orders``), its sweep, its heartbeat, and the broker of its mails.

    Raises:
        SettingsError: the environment is incomplete or wrong.
    """
    settings = load_settings()
    broker = broker_for(settings)
    async_shared_broker.default_broker(broker)
    mail_broker = mail_broker_for(settings)
    mail_broker.is_worker_process = True
    mail_broker.state = broker.state
    broker.state.mail_broker = mail_broker

    @broker.on_event(TaskiqEvents.WORKER_STARTUP)
    async def start(state: TaskiqState) -> None:
        state.resources = Resources(settings)
        await state.resources.open(connections=KEPT_CONNECTIONS)
        state.orders = OrderBatches(state.resources, worker=broker.consumer_name)
        state.sweep = asyncio.create_task(run_sweep(settings), name="sweep")
        state.metrics = await _tell_metrics(settings)
        heartbeat = run_heartbeat(state.resources.redis, broker.consumer_name)
        state.heartbeat = asyncio.create_task(heartbeat, name="heartbeat")
        # What exists now lives as long as the process: collections need not walk through it again.
        gc.collect()
        gc.freeze()

    @broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
    async def stop(state: TaskiqState) -> None:
        for task in filter(None, (state.get("sweep"), state.get("heartbeat"))):
            await cancel_and_wait(task)
        await mail_broker.shutdown()
        if metrics := state.get("metrics"):
            await metrics.aclose()
        if resources := state.get("resources"):
            await resources.close()

    return broker


async def _tell_metrics(settings: Settings) -> AsyncExitStack:
    """Tell the metrics of this worker, if they are wanted, until the stack is closed."""
    stack = AsyncExitStack()
    if settings.metrics:
        exchange = MetricExchange("worker", settings.metrics_dir)
        await exchange.start()
        stack.push_async_callback(exchange.stop)
        if metrics_listeners:
            await stack.enter_async_context(serving_metrics(settings, exchange, metrics_listeners))
    return stack
