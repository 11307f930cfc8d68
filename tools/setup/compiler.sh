#!/bin/sh
# Make sure that there is a C compiler: some tests compile the codec for firmware authors, and what cuts a disk's power.
# As root on Debian or Ubuntu it is installed where it is missing; elsewhere it is named, and what needs it is skipped.
set -eu

can_compile() {
    command -v cc >/dev/null 2>&1 && echo '#include <stdio.h>' | cc -x c -fsyntax-only - >/dev/null 2>&1
}

install_compiler() {
    echo "Installing system packages: gcc libc6-dev"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends gcc libc6-dev >/dev/null
}

can_compile && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    install_compiler || true
    can_compile && exit 0
fi
echo "pointillist: there is no C compiler, so the tests that need one are skipped." >&2
echo "Install one to run them:  sudo apt-get update && sudo apt-get install -y gcc libc6-dev" >&2
