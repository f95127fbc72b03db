# SPDX-License-Identifier: Apache-2.0
# A part of install.sh and of what the packages run before they are replaced or removed.
# refuse_in_use FOLDER ends where somebody's window, run or keeper uses what is in a folder.
# A program loads parts of itself late, and would find those of another version.
refuse_in_use() {
    found=
    for maps in $(grep -lsF -- " $1/" /proc/[0-9]*/maps); do
        process=${maps#/proc/}
        process=${process%/maps}
        case " $(tr '\0' ' ' 2> /dev/null < "/proc/$process/cmdline")" in
            *" --worker "* | *" --peer "*) what="training or another job" ;;
            *" --keeper "*) what="the keeper of its queue" ;;
            *) what="its window or a command" ;;
        esac
        case "$found" in *"$what"*) continue ;; esac
        found="$found${found:+, }$what (process $process)"
    done
    if [ -n "$found" ]; then
        echo "Burnish is in use: $found. Close its window, hold its queue, pause its runs or wait for their end, then try again. Nothing was changed." >&2
        exit 1
    fi
}
