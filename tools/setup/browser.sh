#!/bin/sh
# Make sure that there is a browser: some tests drive the page in Debian's Chromium.
# As root on Debian or Ubuntu it is installed where it is missing; elsewhere it is named, and what needs it is skipped.
set -eu

can_browse() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        command -v google-chrome >/dev/null 2>&1
}

install_browser() {
    echo "Installing system packages: chromium fonts-noto-core"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            chromium fonts-noto-core >/dev/null
}

can_browse && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    install_browser || true
    can_browse && exit 0
fi
echo "pointillist: there is no Chromium, so the tests that drive the page in it are skipped." >&2
echo "Install one to run them:  sudo apt-get update && sudo apt-get install -y chromium" >&2
