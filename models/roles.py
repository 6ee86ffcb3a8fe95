"""What the role with rows only may do, granted by the owner of the tables (decision 22)."""

from urllib.parse import unquote, urlsplit

from core.service_errors import ServiceError
from core.settings import Settings
from engine.postgres import single_connection

#: Rows of later migrations, too. Neither DDL nor TRUNCATE; of the migrations only a look, and what is noted of orders
#: and stock is added to and never rewritten.
_GRANTS = """
DO $$
DECLARE
    app text := quote_ident(current_setting('tandem.app_role'));
    place text := quote_ident(current_schema());
    verbs text := 'SELECT, INSERT, UPDATE, DELETE';
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %s', place, app);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT %s ON TABLES TO %s', place, verbs, app);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT USAGE ON SEQUENCES TO %s', place, app);
    EXECUTE format('GRANT %s ON ALL TABLES IN SCHEMA %s TO %s', verbs, place, app);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %s TO %s', place, app);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON aerich FROM %s', app);
    EXECUTE format('REVOKE UPDATE, DELETE ON order_events, order_failures, stock_movements FROM %s', app);
END $$
"""


async def grant_rows(settings: Settings) -> None:
    """Let the role of ``settings.database_url`` read and write rows, if it is not the owner's own.

    Raises:
        ServiceError: there is no such role.
        Exception: one of ``DATABASE_ERRORS``.
    """
    if not settings.database_owner_url:
        return
    role = unquote(urlsplit(settings.database_url).username or "")
    async with single_connection(settings.database_owner_url) as connection, connection.transaction():
        if role == await connection.fetchval("SELECT current_user::text"):
            return
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
            raise ServiceError(
                f"The role {role!r} of TANDEM_DATABASE_URL does not exist: scripts/postgres-roles.sql makes it."
            )
        await connection.execute("SELECT set_config('tandem.app_role', $1, TRUE)", role)
        await connection.execute(_GRANTS)
