-- Makes Tandem's two roles, neither of them a superuser: tandem_owner, which owns the database and migrates it, and
-- tandem_app, which reads and writes rows and is granted so by `tandem migrate`. Run it as a superuser in Tandem's
-- database, as docker-compose.yml does for a new one; it may be run again, and takes over what a superuser has made:
--   TANDEM_OWNER_PASSWORD=… TANDEM_APP_PASSWORD=… psql --set=ON_ERROR_STOP=1 --file=scripts/postgres-roles.sql …
-- Instead of the passwords, TANDEM_OWNER_PASSWORD_FILE and TANDEM_APP_PASSWORD_FILE may name files that hold them.
\set owner_password `cat "$TANDEM_OWNER_PASSWORD_FILE" 2>/dev/null || printf %s "$TANDEM_OWNER_PASSWORD"`
\set app_password `cat "$TANDEM_APP_PASSWORD_FILE" 2>/dev/null || printf %s "$TANDEM_APP_PASSWORD"`
SET tandem.owner_password = :'owner_password';
SET tandem.app_password = :'app_password';
DO $$
DECLARE
    role_name text;
    statement text;
BEGIN
    LOCK TABLE pg_authid IN SHARE ROW EXCLUSIVE MODE;  -- somebody else may be at it, in another database
    FOREACH role_name IN ARRAY ARRAY['owner', 'app'] LOOP
        IF coalesce(current_setting(format('tandem.%s_password', role_name), TRUE), '') = '' THEN
            RAISE EXCEPTION 'TANDEM_%_PASSWORD is not set', upper(role_name);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tandem_' || role_name) THEN
            EXECUTE format('CREATE ROLE %I', 'tandem_' || role_name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
            'tandem_' || role_name, current_setting(format('tandem.%s_password', role_name))
        );
    END LOOP;
    EXECUTE format('ALTER DATABASE %I OWNER TO tandem_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO tandem_app', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;  -- PostgreSQL 14 still grants it
    GRANT USAGE, CREATE ON SCHEMA public TO tandem_owner;
    FOR statement IN
        -- Sequences follow their tables, and what an extension has made stays with it.
        SELECT format('ALTER TABLE %s OWNER TO tandem_owner', oid::regclass) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO tandem_owner', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE statement;
    END LOOP;
END $$;
