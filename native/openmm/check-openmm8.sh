#!/bin/sh
# Compiles the plugin against Debian 13's OpenMM 8.1 (CustomCPPForceImpl instead of kernels) and runs its tests there.
#
#   check-openmm8.sh LIBPLUGINBRIDGE WORK_FOLDER
#
# Nothing is installed: the packages are downloaded and unpacked below WORK_FOLDER, Debian 13's C library with them, and
# the test programs run on that one. Exit status 77: skipped, because the packages cannot be reached.
set -eu
library=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
suite=trixie
packages="libopenmm-dev libopenmm8.1 libopenmm-plugins libc6 libstdc++6 libgcc-s1"

skip() {
    echo "skipped: $1"
    exit 77
}

command -v apt-get > /dev/null || skip "no apt-get to fetch Debian's packages with"
root=$work/root
if [ ! -e "$work/unpacked" ]; then
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e $keyring ] || skip "$keyring is missing (package debian-archive-keyring)"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
    echo "deb [signed-by=$keyring] http://deb.debian.org/debian $suite main" > "$work/sources.list"
    apt="apt-get -q -o Dir::Etc::SourceList=$work/sources.list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=$work/lists
        -o Dir::Cache=$work/cache -o Acquire::http::Timeout=10 -o Acquire::Retries=0 -o Acquire::Languages=none
        -o APT::Sandbox::User=root"
    $apt update > "$work/apt.log" 2>&1 || skip "apt-get update failed, see $work/apt.log"
    for package in $packages; do
        (cd "$work/debs" && $apt download "$package/$suite" >> "$work/apt.log" 2>&1) ||
            skip "$package of $suite cannot be downloaded, see $work/apt.log"
    done
    rm -rf "$root"
    for deb in "$work"/debs/*.deb; do
        dpkg-deb -x "$deb" "$root"
    done
    touch "$work/unpacked"
fi

lib=$root/usr/lib/x86_64-linux-gnu
search=$lib
platforms="Reference;CPU"
# A GPU platform hands over positions and forces on a thread of its own; PoCL stands in for a GPU.
if [ -e /usr/lib/x86_64-linux-gnu/libOpenCL.so.1 ] && [ -e /etc/OpenCL/vendors/pocl.icd ]; then
    search=$lib:/usr/lib/x86_64-linux-gnu
    platforms="$platforms;OpenCL"
fi
# The compiler links against this system's C library; what the newer one adds is found at run time.
cmake -S "$here" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DPLUGINBRIDGE_LIBRARY="$library" \
    -DOpenMM_INCLUDE_DIR="$root/usr/include" -DOpenMM_LIBRARY="$lib/libOpenMM.so" \
    -DPB_TEST_PLATFORMS="$platforms" -DOPENMM_PLUGIN_DIR="$lib/openmm/plugins" -DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined \
    -DCMAKE_CROSSCOMPILING_EMULATOR="$lib/ld-linux-x86-64.so.2;--library-path;$search" > "$work/cmake.log" 2>&1 ||
    { cat "$work/cmake.log"; exit 1; }
cmake --build "$work/build" -j "$(nproc)" > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
echo "compiled against OpenMM $(dpkg-deb -f "$work"/debs/libopenmm-dev_*.deb Version)"
ctest --test-dir "$work/build" --output-on-failure
