-- Least privilege: who runs tidemill may not change its tables, and who looks may not write.
--
--   psql -f roles.sql DATABASE      as the owner of the database, after `tidemill db upgrade`
--                                   (before it, too, but then once more: rights to single tables need the tables)
--
-- Makes two groups without a login, once for the whole server, and gives them rights in this database. Give them to the
-- users with which processes log in:   CREATE ROLE crawler LOGIN PASSWORD '…' IN ROLE tidemill_app;
-- Run it as the same role that runs `tidemill db upgrade`: rights to later tables come from who makes them.

BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tidemill_app') THEN
        CREATE ROLE tidemill_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tidemill_readonly') THEN
        CREATE ROLE tidemill_readonly NOLOGIN;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO tidemill_app, tidemill_readonly', current_database());
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO tidemill_app, tidemill_readonly;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tidemill_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tidemill_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tidemill_readonly;

-- What was written into the audit log stays as it is, and whoever only looks sees no hash of a password or a key.
DO $$
BEGIN
    IF to_regclass('public.audit_log') IS NOT NULL THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM tidemill_app;
        REVOKE SELECT ON users, api_keys, refresh_tokens FROM tidemill_readonly;
    END IF;
END
$$;

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tidemill_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO tidemill_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO tidemill_readonly;

COMMIT;
