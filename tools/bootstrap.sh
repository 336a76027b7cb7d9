#!/usr/bin/env bash
# Installs the system packages that are missing, through apt; without apt, says which.
#
#   tools/bootstrap.sh PYTHON               what building, testing and JupyterLab need
#   tools/bootstrap.sh PYTHON browser       that, and what the browser tests need
#   tools/bootstrap.sh PYTHON bench         that, and what the C program of the benchmark needs
#   tools/bootstrap.sh PYTHON pmempool      that, and the checker of pools that PMDK brings
#   tools/bootstrap.sh PYTHON fresh-root    that, and what a machine with nothing on it is made with
#   tools/bootstrap.sh PYTHON can-compile   installs nothing; succeeds if PYTHON can build extensions
set -euo pipefail

python=$1
wanted=${2-}

say() { printf 'pmemobj: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null; }
py() { "$python" -c "$@" 2>/dev/null; }

# Asks the compiler that setuptools would call, with the headers of this very Python.
can_compile() {
    local cc include
    cc=${CC:-$(py 'import sysconfig; print(sysconfig.get_config_var("CC"))')} || return
    include=$(py 'import sysconfig; print(sysconfig.get_path("include"))') || return
    echo '#include <Python.h>' | $cc -I"$include" -fsyntax-only -xc - 2>/dev/null
}

has_header() { echo '#include <libpmemobj.h>' | ${CC:-cc} -fsyntax-only -xc - 2>/dev/null; }

# Each need is tested by what will use it, not by its package, so that other ways to install it count.
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
    # Without it images are only opened, which the figures say.
    [[ $wanted != pmempool ]] || have pmempool || optional+=(pmdk-tools)
    [[ $wanted != fresh-root ]] || have debootstrap || required+=(debootstrap)
    # Without them the benchmark has no floor, and says so.
    [[ $wanted != bench ]] || has_header || optional+=(gcc libc6-dev libpmemobj-dev)
}

installed() { [[ $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) == "install ok installed" ]]; }

apt_install() {
    local as_root=() package packages=()
    for package in "$@"; do
        installed "$package" || packages+=("$package")
    done
    # A need that its installed packages do not meet is not apt's to mend.
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
