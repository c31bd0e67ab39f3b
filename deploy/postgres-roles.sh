#!/usr/bin/env bash
# Runs once, when the database folder is made: one role for the product, one for Temporal, neither a superuser.
set -euo pipefail

psql --variable ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --variable turnstone_password="$TURNSTONE_DB_PASSWORD" --variable temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
-- CREATEROLE: the migrations make the unprivileged role that row-level security is enforced on.
CREATE ROLE turnstone LOGIN CREATEROLE PASSWORD :'turnstone_password';
CREATE DATABASE turnstone OWNER turnstone;
-- CREATEDB: the server's first start makes its own two databases.
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
SQL
