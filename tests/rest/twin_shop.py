"""A random shop that both APIs are asked about: the same rows for each, whatever the other one has changed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg

from core.resources import Resources
from core.security.tokens import TokenIssuer, TokenKind, token_hash
from engine.postgres import Select
from graph.resolvers.order_events import BY_ID, event_cursor
from models import Order, OrderEventRow, Product, Session, User
from tests.client import Client
from tests.conftest import EMPTY_TABLES, TABLES, empty_tables
from tests.factories import make_tokens, make_user
from tests.worlds import World, let_happen

#: Something to sell, somebody to buy it, and orders in several states.
BEGINNING = [
    *(("stock", number) for number in range(5)),
    *(("join", number) for number in range(2)),
    *(("place", number) for number in range(4)),
    ("process", 1),
    *(("place", number) for number in range(10, 14)),
    ("cancel", 1),
    ("claim", 2),
]
#: All rows are of the time before it: what is later is new.
NEW_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
#: Few, so that rows are of the same moment, and of several within the same second.
MOMENTS = [
    NEW_SINCE - timedelta(days=day, microseconds=us) for day in (1, 2, 40) for us in (1, 500_000, 10**6)
]
#: Texts that JSON, HTML, or a reader of lines may stumble upon.
TEXTS = (
    *('Zoë "Q" O\'Neil', "<b>&amp;</b>", "a\\b\n\tc", "1e5", "null", "e\u0301é", "x\u2028y\x7f"),
    "家具 \N{CHAIR} \N{MAN}\u200d\N{WOMAN}",
)
#: The text of each table that v1 shows, and that may be any.
_TEXT_COLUMNS = {"users": "full_name", "products": "name", "orders": "shipping_address"}


@dataclass
class TwinShop:
    """The shop, and what requests are made of.

    Args:
        tokens: what signs in, by who it is.
        names: who it is, by the id of the user.
    """

    client: Client
    superuser: asyncpg.Connection
    world: World
    tokens: dict[str, str | None] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    refresh_tokens: list[str] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    is_changed: bool = False
    _restoring: str = ""

    @classmethod
    async def make(
        cls, client: Client, superuser: asyncpg.Connection, story: list[tuple[str, int]], seed: int
    ) -> "TwinShop":
        """Let a story come to pass in an empty shop, make texts and times odd, and keep a copy of the rows."""
        await empty_tables(superuser)
        world = await World.begin(client.resources)
        await let_happen(world, [*BEGINNING, *story])
        shop = cls(client, superuser, world)
        await shop._sign_in()
        await shop._make_odd(Random(seed))
        await shop._copy()
        shop.users = await User.all().order_by("id")
        shop.products = await Product.all().order_by("id")
        shop.orders = await Order.all().order_by("id")
        events = await Select(OrderEventRow).fetch(frozenset(), BY_ID.terms, limit=1_000)
        shop.cursors = [event_cursor(event) for event in events.rows]
        return shop

    async def _sign_in(self) -> None:
        """Sign everybody in who can be signed in, or could be once."""
        resources = self.client.resources
        guest, away, gone = await make_user(), await make_user(is_active=False), await make_user()
        people = {"guest": guest, "inactive": away, "deleted": gone}
        contexts = {"admin": self.world.admin}
        contexts |= {f"customer {number}": who for number, who in enumerate(self.world.people[:3])}
        for name, who in contexts.items():
            people[name] = await User.get(id=who.require_user().id)
        for name, user in people.items():
            self.names[user.id] = name
            self.tokens[name], refresh_token = await make_tokens(resources, user)
            self.refresh_tokens.append(refresh_token)
        self.tokens["signed out"], refresh_token = await make_tokens(resources, guest)
        await Session.filter(token_hash=token_hash(refresh_token)).delete()
        self.refresh_tokens += [refresh_token, "nonsense", str(self.tokens["admin"])]
        self.tokens |= {
            "nobody": None,
            "nonsense": "x.y.z",
            "expired": await _expired_token(resources, guest),
        }
        await User.filter(id=gone.id).update(deleted_at=MOMENTS[0])

    async def _make_odd(self, chance: Random) -> None:
        await self.superuser.execute("SET session_replication_role = replica")
        for table, column in _TEXT_COLUMNS.items():
            changes = [
                (
                    row["id"],
                    *sorted(chance.choices(MOMENTS, k=2)),
                    # What is erased stays so.
                    row["text"] and chance.choice((row["text"], *TEXTS)),
                )
                for row in await self.superuser.fetch(f"SELECT id, {column} AS text FROM {table}")
            ]
            statement = f"UPDATE {table} SET created_at = $2, updated_at = $3, {column} = $4 WHERE id = $1"
            await self.superuser.executemany(statement, changes)
        await self.superuser.execute(
            "UPDATE products SET description = $1 WHERE id % 2 = 0", chance.choice(TEXTS)
        )
        await self.superuser.execute("UPDATE order_events SET created_at = $1", chance.choice(MOMENTS))
        await self.superuser.execute("RESET session_replication_role")

    async def _copy(self) -> None:
        copies = "".join(
            f"DROP TABLE IF EXISTS pg_temp.copy_{table};"
            f"CREATE TEMP TABLE copy_{table} AS TABLE public.{table};"
            for table in TABLES
        )
        await self.superuser.execute(copies)
        sequences = await self.superuser.fetch(
            "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
            " AND last_value IS NOT NULL AND sequencename <> 'aerich_id_seq'"
        )
        self._restoring = ";".join(
            (
                EMPTY_TABLES,
                "SET LOCAL session_replication_role = replica",
                *(f"INSERT INTO public.{table} TABLE pg_temp.copy_{table}" for table in TABLES),
                *(f"SELECT setval('public.{name}', {last})" for name, last in sequences),
            )
        )

    async def restore(self) -> None:
        """Bring the rows back to what they were, and the ids that come next."""
        if self.is_changed:
            await self.superuser.execute(self._restoring)
            await self.client.resources.redis.flushdb()
        self.is_changed = False


async def _expired_token(resources: Resources, user: User) -> str:
    """Return an access token of a live session that has expired."""
    issuer = TokenIssuer(resources.settings.model_copy(update={"access_token_seconds": -1}))
    live = resources.tokens.verify((await make_tokens(resources, user))[0], TokenKind.ACCESS)
    return issuer.issue(TokenKind.ACCESS, user_id=user.id, session_id=live.session_id)
