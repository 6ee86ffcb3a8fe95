"""Every name of Tandem's own modules that the bench uses, so that it depends on them in one place.

The statements of placing and processing are among them, since pgbench runs the very same ones.
"""

from app import create_app
from core.progress import progress_bars
from core.security.tokens import TokenIssuer, TokenKind
from core.service_errors import ServiceError
from core.settings import Environment, Settings, load_settings
from dev import EmbeddedPostgres, EmbeddedValkey
from dev.ports import free_port
from dev.processes import spawn
from dev.programs import postgres_binaries
from engine.postgres import row_class
from engine.redis import create_redis
from graph.resolvers.order_placement import PLACE_ORDER
from graph.resolvers.pagination import NEWEST_FIRST, encode_cursor
from graph.types.nodes import decode_id, encode_id
from models import OrderRow
from models.audit import RULES, audit
from models.migrate import migrate
from tasks.broker import broker_for
from tasks.claims import CLAIM
from tasks.orders import process_orders
from tasks.settlement import HOLD, LOCK_PRODUCTS, SETTLE

__all__ = [
    "CLAIM",
    "HOLD",
    "LOCK_PRODUCTS",
    "NEWEST_FIRST",
    "PLACE_ORDER",
    "RULES",
    "SETTLE",
    "EmbeddedPostgres",
    "EmbeddedValkey",
    "Environment",
    "OrderRow",
    "ServiceError",
    "Settings",
    "TokenIssuer",
    "TokenKind",
    "audit",
    "broker_for",
    "create_app",
    "create_redis",
    "decode_id",
    "encode_cursor",
    "encode_id",
    "free_port",
    "load_settings",
    "migrate",
    "postgres_binaries",
    "process_orders",
    "progress_bars",
    "row_class",
    "spawn",
]
