#!/bin/sh
# Installs openapi-python-client for the test of its clients, which is skipped without: in an environment of its own,
# because it wants an older Typer than ours. A second run finds everything in place and does nothing.
set -eu
cd "$(dirname -- "$0")"

folder=../../../var/openapi-python-client
if cmp -s requirements.txt "$folder/installed.txt"; then
    exit 0
fi

echo 'Installing openapi-python-client (a quarter of a minute or so the first time) …'
python=../../../.venv/bin/python
if command -v uv >/dev/null 2>&1; then
    uv venv --quiet --clear --python "$python" "$folder"
    uv pip install --quiet --python "$folder/bin/python" --require-hashes -r requirements.txt
else
    "$python" -m venv --clear "$folder"
    "$folder/bin/pip" --quiet --disable-pip-version-check --no-input install --require-hashes -r requirements.txt
fi
# Last, so that an interrupted installation is taken up again.
cp requirements.txt "$folder/installed.txt"
