#!/bin/sh
# Make sure that the system has what the environment needs, then create the environment: prepare.sh VENV
# As root on Debian or Ubuntu it installs what is missing; elsewhere it names it and stops before anything else is tried.
set -eu
venv=$1

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

has_library() {
    "$1" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$2" >/dev/null 2>&1
}

missing_packages() {
    python=$(find_python)
    if [ -z "$python" ]; then
        if apt-cache show python3.11-venv >/dev/null 2>&1; then
            echo "python3.11 python3.11-venv libgl1 libglib2.0-0"
        else
            echo "python3 python3-venv libgl1 libglib2.0-0"
        fi
        return
    fi
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || echo "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    has_library "$python" libGL.so.1 || echo libgl1
    has_library "$python" libgthread-2.0.so.0 || echo libglib2.0-0
}

missing=$(missing_packages | tr '\n' ' ' | sed 's/ *$//')
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing system packages: $missing"
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
    else
        echo "pointillist: these system packages are missing: $missing" >&2
        echo "Install them first:  sudo apt-get update && sudo apt-get install -y $missing" >&2
        exit 1
    fi
fi

python=$(find_python)
if [ -z "$python" ]; then
    echo "pointillist: Python 3.11 or newer is needed and this system has none: install it and run make again." >&2
    exit 1
fi
[ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import pip' 2>/dev/null || "$python" -m venv --clear "$venv"
