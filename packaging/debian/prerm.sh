#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Before the package in @FOLDER@ is replaced or removed: not while somebody's window or run uses it.
# A program loads parts of itself late, and would find those of another version.
set -eu
case "$1" in remove | upgrade | failed-upgrade) ;; *) exit 0 ;; esac
for maps in /proc/[0-9]*/maps; do
    if grep -q " @FOLDER@/" "$maps" 2> /dev/null; then
        process=${maps#/proc/}
        echo "Burnish is in use (process ${process%/maps}): close its window and pause its runs, then try again. Nothing was changed." >&2
        exit 1
    fi
done
