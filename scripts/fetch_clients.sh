#!/bin/sh
# Fetch and unpack the programs of published_clients.txt below $1, each into a folder NAME-VERSION. They need frameworks
# that we do not install, so only their own files are fetched. Without a registry the tests that need them are skipped.
set -eu
python=${PYTHON:-python3}
target=${1:?usage: fetch_clients.sh DIRECTORY}
list=$(dirname "$0")/published_clients.txt
mkdir -p "$target"
grep -v '^#' "$list" | while read -r requirement; do
    folder=$target/$(printf %s "$requirement" | sed 's/==/-/')
    [ -d "$folder" ] && continue
    if "$python" -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python --no-compile \
        --target "$folder.part" "$requirement" 2>"$target/error"; then
        mv "$folder.part" "$folder"
    else
        rm -rf "$folder.part"
        echo "note: $requirement can not be fetched, the tests that run it are skipped: $(tail -n 1 "$target/error")" >&2
    fi
done
rm -f "$target/error"
