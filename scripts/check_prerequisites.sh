#!/bin/sh
# Says in one line what is missing to build, and how to get it on Debian and Ubuntu.
PYTHON=${PYTHON:-python3}
missing=
command -v "$PYTHON" >/dev/null 2>&1 || missing="$missing python3"
command -v cc >/dev/null 2>&1 || missing="$missing gcc"
if [ -z "$missing" ]; then
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed; $PYTHON is $("$PYTHON" -V 2>&1). Name another one: make PYTHON=python3.12" >&2
        exit 1
    }
    "$PYTHON" -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
    header=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    [ -f "$header" ] || missing="$missing python3-dev"
    [ -f /usr/include/stdio.h ] || [ -n "$(printf '#include <stdio.h>\n' | cc -E - 2>/dev/null)" ] || missing="$missing libc6-dev"
fi
if [ -n "$missing" ]; then
    echo "missing:$missing. On Debian or Ubuntu: sudo apt-get install python3-venv python3-dev gcc make" >&2
    exit 1
fi
