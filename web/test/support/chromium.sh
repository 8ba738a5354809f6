#!/bin/sh
# Starts Chromium without the two pages that it makes for the address bar of each window, though a headless one shows none:
# they cost as much as the page under test. Of two lists of features Chromium reads the last one only, so they are added
# to Playwright's.
for argument; do
    case $argument in
        --disable-features=*) argument="$argument,WebUIOmniboxPopup,WebUIOmniboxAimPopup" ;;
    esac
    set -- "$@" "$argument"
    shift
done
exec "${CHROMIUM_BIN:-/usr/bin/chromium}" "$@"
