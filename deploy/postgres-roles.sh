#!/usr/bin/env bash
# Runs once, when the database folder is made: one login for the product, one for Temporal, neither a superuser.
set -euo pipefail

psql --variable ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --variable turnstone_password="$TURNSTONE_DB_PASSWORD" --variable temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE turnstone LOGIN PASSWORD :'turnstone_password';
CREATE DATABASE turnstone OWNER turnstone;
-- The roles row-level security is written for. The login switches to one of them per transaction (SET) and has none of
-- their rights otherwise (no INHERIT), so a query outside such a transaction sees no rows.
CREATE ROLE turnstone_app NOLOGIN;
CREATE ROLE turnstone_system NOLOGIN;
GRANT turnstone_app, turnstone_system TO turnstone WITH INHERIT FALSE, SET TRUE;
-- CREATEDB: the server's first start makes its own two databases.
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
SQL
