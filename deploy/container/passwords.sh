#!/bin/sh
# Runs once, when PostgreSQL's volume is new: the two roles get the passwords that stand in the secret postgres-pgpass,
# a copy of pgpass that PostgreSQL's own user may read.
#   postgres:5432:prefect:prefect:PASSWORD and postgres:5432:schakel:schakel:PASSWORD, letters and digits only
set -eu
while IFS=: read -r _ _ _ role password; do
    printf "ALTER ROLE %s PASSWORD '%s';\n" "$role" "$password"
done </run/secrets/postgres-pgpass | psql -q -X -v ON_ERROR_STOP=1 -U postgres
