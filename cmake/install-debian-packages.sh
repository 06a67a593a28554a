#!/usr/bin/env bash
# Installs the packages of debian-packages.txt that are missing: as root, or through sudo; otherwise prints how.
set -euo pipefail
list="$(dirname "$0")/debian-packages.txt"
if ! command -v dpkg-query >/dev/null; then
    echo "make deps: this is not a Debian system; install the equivalents of $list by hand." >&2
    exit 1
fi
missing=()
for package in $(grep -v '^#' "$list"); do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
    echo "make deps: the .NET 10 SDK is missing (https://learn.microsoft.com/dotnet/core/install/linux-debian)." >&2
    exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo)
else
    echo "make deps: missing Debian packages. Run this as root, then make again:" >&2
    echo "  apt-get update && ${install[*]}" >&2
    exit 1
fi
echo "make deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
"${as_root[@]}" "${install[@]}"
