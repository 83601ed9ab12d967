#!/bin/sh
# Builds the package's one layer from the static busybox of the machine (Debian: apt-get install busybox-static) into the
# directory that is given: build.sh DIR, then "hypermesh pkg publish DIR".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: build.sh DIR}
busybox=$(command -v busybox) || { echo "build.sh: busybox is not installed" >&2; exit 1; }

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/proc" "$root/dev" "$root/tmp" "$root/sys" "$root/www/cgi-bin" "$target"
cp "$busybox" "$root/bin/busybox"
for tool in sh httpd printf echo cat; do ln -s busybox "$root/bin/$tool"; done
cp "$here/www/index.html" "$root/www/index.html"
cp "$here/www/node" "$root/www/cgi-bin/node"
chmod 755 "$root/www/cgi-bin/node"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=ustar -C "$root" -cf "$target/layer.tar" .
cp "$here/package.yaml" "$target/package.yaml"
