#!/bin/sh
# Fetches the playground's scripts and styles with npm, so that the page asks no other host for anything.
#
# assets.sha384 names every file as PACKAGE@VERSION/PATH with its checksum; a file that differs is refused, and
# what was there before stays. A second run finds everything in place and does nothing.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
manifest=$here/assets.sha384
assets=$here/assets

fail() {
    printf 'fetch-assets: %s\n' "$1" >&2
    exit 1
}

if command -v sha384sum >/dev/null 2>&1; then
    check() { sha384sum -c "$manifest" >/dev/null 2>&1; }
elif command -v shasum >/dev/null 2>&1; then
    check() { shasum -a 384 -c "$manifest" >/dev/null 2>&1; }
else
    fail 'neither sha384sum nor shasum is installed, so the files could not be verified.'
fi

if [ -d "$assets" ] && (cd "$assets" && check); then
    exit 0
fi

command -v npm >/dev/null 2>&1 || fail 'npm is not installed; without it the playground loads its files from a public CDN.'
mkdir -p "$assets" 2>/dev/null || fail "cannot create $assets."
work=$(mktemp -d "$assets/.incoming.XXXXXX" 2>/dev/null) || fail "cannot write to $assets."
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

packages=$(sed -E 's|^[0-9a-f]+  ((@[^/]+/)?[^/]+)/.*|\1|' "$manifest" | sort -u)
for package in $packages; do
    # A cache of our own: the shared one may belong to another user.
    tarball=$(cd "$work" && npm pack --silent --ignore-scripts --cache "$work/npm-cache" "$package" 2>"$work/npm.log") || {
        cat "$work/npm.log" >&2
        fail "npm could not fetch $package; is the network there?"
    }
    mkdir -p "$work/files/$package"
    tar -xzf "$work/$tarball" -C "$work/files/$package" --strip-components=1 || fail "the archive of $package is damaged."
done

(cd "$work/files" && check) || fail 'a file differs from its checksum in assets.sha384; nothing was installed.'
sed -E 's|^[0-9a-f]+  ||' "$manifest" | while IFS= read -r file; do
    mkdir -p "$assets/$(dirname "$file")"
    # A rename within one file system: a server that runs meanwhile sees the old file or the new, never a part.
    mv -f "$work/files/$file" "$assets/$file" || fail "cannot write $assets/$file."
done
echo "fetch-assets: the playground's files are in $assets"
