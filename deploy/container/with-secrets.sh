#!/bin/sh
# Start a service with its secrets from files, never from the compose file:
#   prefect-api   user:password of Prefect's API      -> environment, as Prefect wants it
#   pgpass        PostgreSQL's password file          -> copied 0600 into memory: mounted secrets show as readable by others
#   *.pem *.key   Schakel's keys                      -> the same
set -eu
umask 077
secrets=/run/secrets
own=/tmp/own
mkdir -p "$own/keys"
if [ -r "$secrets/prefect-api" ]; then
    word=$(cat "$secrets/prefect-api")
    export PREFECT_API_AUTH_STRING="$word" PREFECT_SERVER_API_AUTH_STRING="$word"
fi
if [ -r "$secrets/pgpass" ]; then
    cp "$secrets/pgpass" "$own/pgpass"
    export PGPASSFILE="$own/pgpass"
fi
for file in "$secrets"/*.pem "$secrets"/*.key "$secrets"/portal-client; do
    if [ -r "$file" ]; then
        cp "$file" "$own/keys/"
        export SCHAKEL_KEYS="$own/keys"
    fi
done
chmod -R go= "$own"
exec "$@"
