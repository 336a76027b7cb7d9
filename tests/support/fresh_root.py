"""A machine on which nothing is installed yet: a new Debian or Ubuntu root in a directory, entered with chroot.

It is made by debootstrap of what this machine's own apt sources name (`FRESH_ROOT_SUITE` in the environment chooses another
release from there). Each command runs in mount and process namespaces of its own, so that what it mounts and starts
ends with it. Packages come from where this machine gets them: its apt mirror, its package index, its certificates.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Seconds; a slow mirror or a busy machine is no failure.
PATIENCE = 1500
#: The first user of a container, as repo2docker and the Dockerfile have it.
USER = "jovyan"

#: The certificates that this machine trusts, and where the root has them: under a name that no package of its own writes.
_OUR_CERTIFICATES = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATES = "/etc/ssl/certificates-of-the-host.crt"
_ENTER = """
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/dev/shm" || exit 125
root=$1 user=$2; shift 2
exec chroot --userspec="$user" "$root" /usr/bin/env -i "$@"
"""


def suite() -> str:
    """The release to make; this machine's, unless the environment says another."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return os.environ.get("FRESH_ROOT_SUITE") or release.get("VERSION_CODENAME", "").strip('"')


def mirror() -> str:
    """Where apt gets the main packages of this machine's release from."""
    listed = _answer("apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT) $(CREATED_BY)")
    found = [line.split()[0] for line in listed.splitlines() if line.endswith(" main Packages")]
    return found[0] if found else ""


def missing() -> str:
    """Why no root can be made here; empty where one can."""
    if os.geteuid() != 0:
        return "a fresh root needs root"
    for program in ("debootstrap", "unshare", "chroot", "apt-get"):
        if shutil.which(program) is None:
            return f"a fresh root needs {program}"
    if not suite() or not mirror():
        return "a fresh root needs Debian or Ubuntu, with its package lists (apt-get update)"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode != 0:
        return "a fresh root needs the right to make namespaces"
    try:
        urllib.request.urlopen(f"{mirror().rstrip('/')}/dists/{suite()}/Release", timeout=60).close()
    except OSError as error:
        return f"a fresh root needs packages from a network, and the apt mirror does not answer ({error})"
    return ""


@dataclass(frozen=True)
class FreshRoot:
    """The root in a directory."""

    path: Path

    def run(self, command: str, *arguments: str, user: str = "root", **env: str) -> str:
        """Run a line of bash in there, from `WORKDIR` on; what it prints, its errors among it.

        Keyword arguments change the environment; those named `HOME` and `WORKDIR` too.
        """
        home = "/root" if user == "root" else f"/home/{user}"
        environment = _packages_come_from() | {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": home,
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            "WORKDIR": home,
        }
        environment |= env
        settings = [f"{name}={value}" for name, value in environment.items()]
        inside = [*settings, "bash", "-c", f'cd "$WORKDIR" && {command}', "bash", *arguments]
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*spaces, "sh", "-c", _ENTER, "sh", str(self.path), user, *inside],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"exit code {done.returncode}: {command}\n{done.stdout[-6000:]}"
        return done.stdout

    def install(self, *packages: str) -> None:
        """``apt-get install`` without recommended packages, as repo2docker does it."""
        self.run('apt-get -qq update && apt-get -qq install --yes --no-install-recommends "$@"', *packages)

    def add_user(self) -> None:
        """The first user, with an empty home."""
        self.run('useradd --create-home --shell /bin/bash --uid 1000 "$1"', USER)

    def copy_in(self, files: list[Path], to: str, user: str) -> None:
        """Files of the repository, below `to`, for a user."""
        for file in files:
            there = self.path / to.lstrip("/") / file.relative_to(ROOT)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, there)
        self.run('chown -R "$1:" "$2"', user, to)


@contextlib.contextmanager
def made(directory: Path) -> Iterator[FreshRoot]:
    """A new root there, in half a minute or so; removed afterwards, since it has a gigabyte or two in the end.

    The test is skipped where none can be made.
    """
    if reason := missing():
        pytest.skip(reason)
    try:
        yield make(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def make(directory: Path) -> FreshRoot:
    """A new root there; whoever calls this has asked `missing`, and removes it."""
    command = ["debootstrap", "--variant=minbase", suite(), str(directory), mirror()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    for file, name in (("/etc/resolv.conf",) * 2, ("/etc/hosts",) * 2, (_OUR_CERTIFICATES, _CERTIFICATES)):
        if os.path.exists(file):
            there = directory / name.lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            there.unlink(missing_ok=True)
            shutil.copy(file, there)
    return FreshRoot(directory)


def repository() -> list[Path]:
    """The files of the repository as they are now: what git knows or would add."""
    listed = _answer("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return sorted(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def _packages_come_from() -> dict[str, str]:
    """The environment by which pip and apt in the root reach what they reach here."""
    found = {
        name: value for name, value in os.environ.items() if name.lower() in ("http_proxy", "https_proxy", "no_proxy")
    }
    index = dict(_pip_settings()).get("index-url", "")
    if index.startswith("http"):
        found["PIP_INDEX_URL"] = index
    if os.path.exists(_OUR_CERTIFICATES):
        found |= {"PIP_CERT": _CERTIFICATES, "SSL_CERT_FILE": _CERTIFICATES}
    return found


def _pip_settings() -> Iterator[tuple[str, str]]:
    for line in _answer(sys.executable, "-m", "pip", "config", "list").splitlines():
        name, _, value = line.partition("=")
        yield name.rpartition(".")[2], value.strip("'\"")


def _answer(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
