#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Before the package in @FOLDER@ is replaced or removed: not while somebody uses it.
set -eu
case "$1" in remove | upgrade | failed-upgrade) ;; *) exit 0 ;; esac

@IN_USE@
refuse_in_use "@FOLDER@"
