#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install Burnish for the person who runs this, without root: install.sh [--target FOLDER] | --uninstall
# It replaces an older one in one step; if anything fails, the older one stays. Data are never touched.
# While the older one is in use, nothing is changed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/in_use.sh"
share="${XDG_DATA_HOME:-$HOME/.local/share}"
target="$HOME/.local/opt/burnish"
action=install
while [ $# -gt 0 ]; do
    case "$1" in
        --target) target=$2; shift 2 ;;
        --uninstall) action=uninstall; shift ;;
        *) echo "install.sh [--target FOLDER] | --uninstall" >&2; exit 2 ;;
    esac
done

target=${target%/}
case "$target" in
    /*) ;;
    *) target=$PWD/$target ;;
esac

link="$HOME/.local/bin/burnish"
desktop="$share/applications/burnish.desktop"
icon="$share/icons/hicolor/scalable/apps/burnish.svg"
mime="$share/mime/packages/burnish.xml"
metainfo="$share/metainfo/burnish.metainfo.xml"

refresh() {
    if command -v update-desktop-database > /dev/null; then update-desktop-database -q "$share/applications" || true; fi
    if command -v update-mime-database > /dev/null; then update-mime-database "$share/mime" > /dev/null 2>&1 || true; fi
}

remove() {
    if [ -e "$1" ]; then
        : > "$1.burnish-copy"
        rm -rf "$1"
    fi
    rm -f "$1.burnish-copy"
}

# These folders are replaced, or removed, as a whole: so each has to be new, empty, or one of Burnish.
# One that is written or removed has a mark beside it until that is done: so one that was left half way
# is known as one of Burnish.
for folder in "$target" "$target.old" "$target.new"; do
    if [ -e "$folder" ] && [ ! -x "$folder/burnish" -o ! -d "$folder/_internal" ] &&
        [ ! -e "$folder.burnish-copy" ] && ! rmdir "$folder" 2> /dev/null; then
        echo "$folder holds other files. Choose an empty or a new folder. Nothing was changed." >&2
        exit 1
    fi
done

# Names of what a process has loaded are without links.
for folder in "$target" "$target.old" "$target.new"; do
    if [ -d "$folder" ]; then refuse_in_use "$(CDPATH='' cd -- "$folder" && pwd -P)"; fi
done

if [ "$action" = uninstall ]; then
    for folder in "$target" "$target.old" "$target.new"; do remove "$folder"; done
    rm -f "$link" "$desktop" "$icon" "$mime" "$metainfo"
    refresh
    echo "Burnish is removed. Your workspace in $share/burnish stays."
    exit 0
fi

mkdir -p "$(dirname "$target")" "$HOME/.local/bin" "$share/applications" \
    "$share/icons/hicolor/scalable/apps" "$share/mime/packages" "$share/metainfo"
remove "$target.new"
: > "$target.new.burnish-copy"
cp -a "$here/burnish" "$target.new"
rm -f "$target.new.burnish-copy"
if ! "$target.new/burnish" --help > /dev/null; then
    remove "$target.new"
    echo "The new Burnish does not start on this system. What was installed before is untouched." >&2
    exit 1
fi
remove "$target.old"
if [ -e "$target" ]; then mv "$target" "$target.old"; fi
if ! mv "$target.new" "$target"; then
    if [ -e "$target.old" ]; then mv "$target.old" "$target"; fi
    exit 1
fi
remove "$target.old"

ln -sfn "$target/burnish" "$link"
cp "$here/integration/burnish.svg" "$icon"
cp "$here/integration/burnish.mime.xml" "$mime"
cp "$here/integration/burnish.metainfo.xml" "$metainfo"
sed "s|^Exec=burnish|Exec=\"$target/burnish\"|" "$here/integration/burnish.desktop" > "$desktop"
refresh
echo "Burnish is installed in $target. Start it from the menu, or by: $link"
