#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install Burnish for the person who runs this, without root: install.sh [--target FOLDER] | --uninstall
# It replaces an older one in one step; if anything fails, the older one stays. Data are never touched.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
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

link="$HOME/.local/bin/burnish"
desktop="$share/applications/burnish.desktop"
icon="$share/icons/hicolor/scalable/apps/burnish.svg"
mime="$share/mime/packages/burnish.xml"
metainfo="$share/metainfo/burnish.metainfo.xml"

refresh() {
    if command -v update-desktop-database > /dev/null; then update-desktop-database -q "$share/applications" || true; fi
    if command -v update-mime-database > /dev/null; then update-mime-database "$share/mime" > /dev/null 2>&1 || true; fi
}

if [ "$action" = uninstall ]; then
    rm -rf "$target" "$target.old" "$target.new"
    rm -f "$link" "$desktop" "$icon" "$mime" "$metainfo"
    refresh
    echo "Burnish is removed. Your workspace in $share/burnish stays."
    exit 0
fi

mkdir -p "$(dirname "$target")" "$HOME/.local/bin" "$share/applications" \
    "$share/icons/hicolor/scalable/apps" "$share/mime/packages" "$share/metainfo"
rm -rf "$target.new"
cp -a "$here/burnish" "$target.new"
if ! "$target.new/burnish" --help > /dev/null; then
    rm -rf "$target.new"
    echo "The new Burnish does not start on this system. What was installed before is untouched." >&2
    exit 1
fi
rm -rf "$target.old"
if [ -e "$target" ]; then mv "$target" "$target.old"; fi
if ! mv "$target.new" "$target"; then
    if [ -e "$target.old" ]; then mv "$target.old" "$target"; fi
    exit 1
fi
rm -rf "$target.old"

ln -sfn "$target/burnish" "$link"
cp "$here/integration/burnish.svg" "$icon"
cp "$here/integration/burnish.mime.xml" "$mime"
cp "$here/integration/burnish.metainfo.xml" "$metainfo"
sed "s|^Exec=burnish|Exec=\"$target/burnish\"|" "$here/integration/burnish.desktop" > "$desktop"
refresh
echo "Burnish is installed in $target. Start it from the menu, or by: $link"
