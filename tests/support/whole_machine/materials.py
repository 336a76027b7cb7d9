"""The kernel, the root, the initramfs, the project and the empty media: made once, below build/machine/.

Each is made anew only if what it is made of has changed. The root is a Debian of this machine's release, so that its
Python can load the modules that were compiled here.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fresh_root

from whole_machine.requirements import MachineError

BUILD = fresh_root.ROOT / "build" / "machine"
#: The modules of the kernel, and busybox.
_KERNEL = BUILD / "kernel"
MIB = 1 << 20
#: Bytes of the media. The files have holes, so they take what is written.
NVDIMM_SIZE, DISK_SIZE = 1024 * MIB, 3072 * MIB
#: What the initramfs loads so that there are a disk, a serial line and persistent memory, besides what they depend on.
MODULES = ("virtio_pci", "virtio_blk", "nfit", "nd_pmem", "dax_pmem")
PACKAGES = ("python3", "python3-pip", "libpmemobj1", "ndctl", "e2fsprogs", "busybox-static", "kmod")
KERNEL = "linux-image-cloud-amd64"
#: Torn sectors may leave a checksum of ext4's superblock wrong, which it repairs at the next write, but not at a mount.
#: Nothing is left to be written later by the kernel on its own.
MKE2FS = (
    "mke2fs",
    "-q",
    "-F",
    "-t",
    "ext4",
    "-b",
    "4096",
    "-O",
    "^metadata_csum",
    "-E",
    "lazy_itable_init=0,nodiscard",
)

_PREPARE_KERNEL = f"""
cd /tmp && package=$(apt-cache depends {KERNEL} | sed -n 's/^ *Depends: //p' | head -1) && test -n "$package" &&
apt-get -qq download "$package" && dpkg -x "$package"_*.deb /kernel && rm "$package"_*.deb &&
depmod -b /kernel "$(ls /kernel/lib/modules)"
"""
_CLEAN = "rm -rf /var/cache/apt /var/lib/apt/lists /usr/share/doc /usr/share/man /usr/share/locale /usr/lib/gcc"


@dataclass(frozen=True)
class Materials:
    """Files that QEMU is started with."""

    kernel: Path
    initramfs: Path
    root: Path
    project: Path


def is_root_made() -> bool:
    """Whether the part that needs a network and the rights of root is there."""
    return _is_fresh(BUILD / "root.img", _root_recipe())


def make(say: Callable[[str], object]) -> Materials:
    """Make what is missing or old. `say` is told what takes long.

    Raises:
        MachineError: something could not be made.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    made = Materials(*(BUILD / name for name in ("vmlinuz", "initramfs.gz", "root.img", "project.img")))
    if not is_root_made():
        say("making the root of the machine from Debian's packages, once; this takes some minutes")
        with _errors_told("make the root of the machine"):
            _make_root(made)
        _mark_fresh(made.root, _root_recipe())
    with _errors_told("make the initramfs of the machine"):
        _make_initramfs(made.initramfs)
    _make_project(made.project)
    return made


def make_media(directory: Path) -> tuple[Path, Path]:
    """The NVDIMM and the disk, empty; the disk has a file system.

    Returns:
        Their files.
    """
    nvdimm, disk = directory / "nvdimm.img", directory / "disk.img"
    for file, size in ((nvdimm, NVDIMM_SIZE), (disk, DISK_SIZE)):
        with open(file, "wb") as empty:
            empty.truncate(size)
    _run(*MKE2FS, str(disk))
    return nvdimm, disk


# ---- the root ----


def _root_recipe() -> str:
    return repr((fresh_root.suite(), PACKAGES, KERNEL, _PREPARE_KERNEL, _CLEAN))


def _init() -> Path:
    return Path(__file__).with_name("init")


def _make_root(made: Materials) -> None:
    with tempfile.TemporaryDirectory(prefix="root-", dir=BUILD) as temporary:
        root = fresh_root.make(Path(temporary) / "root")
        root.install(*PACKAGES)
        root.run("python3 -m pip install --quiet --root-user-action=ignore --target /opt/packages 'cffi>=1.16'")
        root.run(_PREPARE_KERNEL)
        (kernel,) = (root.path / "kernel" / "boot").glob("vmlinuz-*")
        (modules,) = (root.path / "kernel" / "lib" / "modules").iterdir()
        shutil.rmtree(_KERNEL, ignore_errors=True)
        shutil.copytree(modules, _KERNEL, ignore=shutil.ignore_patterns("build", "source"))
        shutil.copy(root.path / "bin" / "busybox", _KERNEL)
        shutil.copy(kernel, made.kernel)
        shutil.rmtree(root.path / "kernel")
        root.run(_CLEAN)
        for name in ("project", "media/dax", "media/disk", "media/ram"):
            (root.path / name).mkdir(parents=True)
        _make_image(root.path, made.root)


def _make_initramfs(file: Path) -> None:
    """Busybox, our init, and the kernel's modules in the order in which they are loaded."""
    modules = _in_order((_KERNEL / "modules.dep").read_text())
    recipe = repr((_root_recipe(), modules, _init().read_text()))
    if _is_fresh(file, recipe):
        return
    with tempfile.TemporaryDirectory(dir=BUILD) as temporary:
        there = Path(temporary)
        for name in ("bin", "modules", "proc", "sys", "dev", "new"):
            (there / name).mkdir()
        shutil.copy(_KERNEL / "busybox", there / "bin")
        shutil.copy(_init(), there / "init")
        (there / "init").chmod(0o755)
        for module in modules:
            shutil.copy(_KERNEL / module, there / "modules")
        (there / "modules" / "order").write_text("\n".join(Path(module).name for module in modules) + "\n")
        pack = 'cd "$1" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 >"$2"'
        _run("sh", "-c", pack, "sh", str(there), str(file))
    _mark_fresh(file, recipe)


def _in_order(table: str) -> list[str]:
    """The modules to load, each after those that it needs; `table` is depmod's, whose rows name these last one first."""
    rows = {
        Path(name).stem: (name, needed.split())
        for name, _, needed in (row.partition(":") for row in table.splitlines())
    }
    wanted = [file for module in MODULES for file in (*reversed(rows[module][1]), rows[module][0])]
    return list(dict.fromkeys(wanted))


# ---- the project ----


def _make_project(file: Path) -> None:
    """An image with the package as it is here, compiled if it is compiled here for the same Python, and this package."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    parts = [path for path in (fresh_root.ROOT / "pmemobj").rglob("*") if path.suffix in (".py", ".pxd", ".so")]
    parts = [path for path in parts if path.suffix != ".so" or path.name.endswith(suffix)]
    own = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256()
    for path in sorted(parts) + own:
        digest.update(f"{path.relative_to(fresh_root.ROOT)} {path.stat().st_size}".encode() + path.read_bytes())
    if _is_fresh(file, digest.hexdigest()):
        return
    with tempfile.TemporaryDirectory(prefix="project-", dir=BUILD) as temporary:
        for path in parts:
            there = Path(temporary) / path.relative_to(fresh_root.ROOT)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, there)
        shutil.copytree(
            Path(__file__).parent, Path(temporary) / "whole_machine", ignore=shutil.ignore_patterns("__pycache__")
        )
        with _errors_told("make the image of the project"):
            _run("python3", "-m", "compileall", "-q", temporary)
            _make_image(Path(temporary), file)
    _mark_fresh(file, digest.hexdigest())


# ---- what both need ----


def _make_image(directory: Path, file: Path) -> None:
    size = int(_run("du", "-s", "-B", "1", str(directory)).split()[0])
    file.unlink(missing_ok=True)
    _run(*MKE2FS, "-d", str(directory), str(file), f"{size * 5 // 4 // MIB + 24}M")


def _is_fresh(file: Path, recipe: str) -> bool:
    stamp = file.with_name(f"{file.name}.made-of")
    return file.exists() and stamp.exists() and stamp.read_text() == recipe


def _mark_fresh(file: Path, recipe: str) -> None:
    file.with_name(f"{file.name}.made-of").write_text(recipe)


def _run(*command: str) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=fresh_root.PATIENCE
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


class _errors_told(contextlib.ContextDecorator):
    """Turns what went wrong in a step into a `MachineError`."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, (AssertionError, OSError, subprocess.SubprocessError, LookupError, ValueError)):
            raise MachineError(
                self._what, str(error), "read the end of the output; Debian's packages must be in reach"
            ) from error
