#!/usr/bin/env bash
# Installs the system packages that are missing, with apt. Without apt, it says which packages are missing.
#
#   tools/bootstrap.sh PYTHON               the needs of building, testing and JupyterLab
#   tools/bootstrap.sh PYTHON browser       the same, and the needs of the browser tests
#   tools/bootstrap.sh PYTHON bench         the same, and the needs of the C program of the benchmark
#   tools/bootstrap.sh PYTHON pmempool      the same, and PMDK's checker of pools
#   tools/bootstrap.sh PYTHON fresh-root    the same, and the tool that makes a fresh root
#   tools/bootstrap.sh PYTHON machine       the same, and an emulator with a disk that loses writes
#   tools/bootstrap.sh PYTHON can-compile   installs nothing; succeeds if PYTHON can build extensions
set -euo pipefail

python=$1
wanted=${2-}

say() { printf 'pmemobj: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null; }
py() { "$python" -c "$@" 2>/dev/null; }

# Asks the compiler that setuptools would call, with the headers of this Python.
can_compile() {
    local cc include
    cc=${CC:-$(py 'import sysconfig; print(sysconfig.get_config_var("CC"))')} || return
    include=$(py 'import sysconfig; print(sysconfig.get_path("include"))') || return
    echo '#include <Python.h>' | $cc -I"$include" -fsyntax-only -xc - 2>/dev/null
}

has_header() { echo '#include <libpmemobj.h>' | ${CC:-cc} -fsyntax-only -xc - 2>/dev/null; }

# Each need is tested by using it, not by the name of its package. So other ways to install it count, too.
find_missing() {
    local name
    required=() optional=()
    if have "$python"; then
        py 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            die "'$python' is $("$python" -V 2>&1), but 3.11 or newer is needed: make PYTHON=python3.12 ..."
        name=$(py 'import sys; print("python%d.%d" % sys.version_info[:2])')
        py 'import ensurepip, venv' || required+=("$name-venv")
        py 'import ctypes; ctypes.CDLL("libpmemobj.so.1")' || required+=(libpmemobj1)
        can_compile || optional+=(gcc libc6-dev "$name-dev")
    elif [[ $python == python3 ]]; then
        required+=(python3 python3-venv libpmemobj1)
        optional+=(gcc libc6-dev python3-dev)
    else
        die "there is no '$python': make PYTHON=python3 ..."
    fi
    have dot || required+=(graphviz)
    [[ $wanted != browser ]] || have chromium || required+=(chromium)
    # Without pmempool, images are only opened. The figures say so.
    [[ $wanted != pmempool ]] || have pmempool || optional+=(pmdk-tools)
    [[ $wanted != fresh-root && $wanted != machine ]] || have debootstrap || required+=(debootstrap)
    if [[ $wanted == machine ]]; then
        have qemu-system-x86_64 || required+=(qemu-system-x86)
        { have nbdkit && nbdkit --dump-plugin python >/dev/null 2>&1; } || required+=(nbdkit nbdkit-plugin-python)
        PATH=$PATH:/usr/sbin:/sbin have mke2fs || required+=(e2fsprogs)
        have cpio || required+=(cpio)
    fi
    # Without these packages, the benchmark has no floor, and says so.
    [[ $wanted != bench ]] || has_header || optional+=(gcc libc6-dev libpmemobj-dev)
}

installed() { [[ $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) == "install ok installed" ]]; }

apt_install() {
    local as_root=() package packages=()
    for package in "$@"; do
        installed "$package" || packages+=("$package")
    done
    # If the packages are installed and the need is still not met, apt cannot help.
    (( ${#packages[@]} )) || return 0
    if (( EUID )); then
        have sudo || { say "not root, and there is no sudo"; return 0; }
        as_root=(sudo)
    fi
    say "installing ${packages[*]} with apt-get; this may take a minute"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
}

if [[ $wanted == can-compile ]]; then
    can_compile
    exit
fi

find_missing
if (( ${#required[@]} + ${#optional[@]} )) && have apt-get; then
    apt_install "${required[@]}" "${optional[@]}" || say "apt-get failed"
    find_missing
fi
if (( ${#required[@]} )); then
    die "please install ${required[*]} (the names are Debian's), then run make again"
fi
if (( ${#optional[@]} )); then
    if [[ $wanted == pmempool ]]; then
        say "images will be opened, but not checked by pmempool (install ${optional[*]})"
    elif can_compile; then
        say "libpmemobj cannot be measured from C: the rest will do (or install ${optional[*]})"
    else
        say "no working C compiler: slower, uncompiled modules will do (or install ${optional[*]})"
    fi
fi
