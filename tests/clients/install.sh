#!/bin/sh
# Installs the packages of package-lock.json, for the tests in this folder; they are skipped without.
# A second run finds everything in place and does nothing.
set -eu
cd "$(dirname -- "$0")"

installed=node_modules/.installed-lock.json
if cmp -s package-lock.json "$installed"; then
    exit 0
fi

fail() {
    printf 'tests/clients/install.sh: %s\n' "$1" >&2
    exit 1
}

command -v npm >/dev/null 2>&1 || fail 'npm is not installed, so the tests with JavaScript clients will be skipped.'
echo 'Installing the JavaScript clients of the tests (half a minute or so the first time) …'
npm ci --prefer-offline || fail 'npm could not install the JavaScript clients; the tests with them will be skipped.'
# Last, so that an interrupted installation is taken up again.
cp package-lock.json "$installed"
