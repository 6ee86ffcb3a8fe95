#!/bin/sh
# Makes the secrets of docker-compose.yml, each in a file of its own; those that are there already stay as they are.
#   sh scripts/make-secrets.sh [FOLDER]     ./secrets if not given; docker-compose.yml reads it from TANDEM_SECRETS
# Nobody else gets into the folder. The files can be read by all, since in a container they are mounted one by one for
# a user whom this host does not know.
set -eu
folder=${1:-secrets}
mkdir -p "$folder"
chmod 700 "$folder"

keep() { # NAME: what comes from standard input, unless it is there
    [ -e "$folder/$1" ] || cat >"$folder/$1"
    chmod 444 "$folder/$1"
}
word() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
of() { cat "$folder/$1"; }

for name in secret_key postgres_password owner_password app_password valkey_password; do
    word | keep "$name"
done
printf %s "postgres://tandem_app:$(of app_password)@postgres:5432/tandem" | keep database_url
printf %s "postgres://tandem_owner:$(of owner_password)@postgres:5432/tandem" | keep database_owner_url
printf %s "redis://tandem:$(of valkey_password)@valkey:6379/0" | keep redis_url
# Empty until there are some: docs/operations.md.
for name in previous_secret_keys smtp_url; do
    keep "$name" </dev/null
done
