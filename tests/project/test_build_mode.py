"""The build of compiled modules, and the choice between compiled and uncompiled modules at import.

Each test works on a small package of its own, so none depends on how this checkout was built. Where
an extension need not run, an empty file stands for it: importing that fails, which shows that it was chosen.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIX = EXTENSION_SUFFIXES[0]
#: The hot modules: their places in the package, without a suffix.
HOT = ("_containers/list", "_engine/heap")
SOURCES = {
    "__init__.py": "from pmemobj import _build_mode\n_build_mode.apply()\n",
    "_containers/__init__.py": "",
    "_engine/__init__.py": "",
    "_engine/heap.py": "class Heap:\n    def __init__(self, base: int) -> None:\n        self.base = base\n",
    "_engine/heap.pxd": "cdef class Heap:\n    cdef public long base\n",
    "_containers/list.py": "from pmemobj._engine.heap import Heap\n\ndef base(heap: Heap) -> int:\n    return heap.base\n",
    "_containers/list.pxd": "from pmemobj._engine.heap cimport Heap\n\ncpdef long base(Heap heap)\n",
    "plain.py": "",
}
# Prints, per hot module, whether it runs from its source, and then is_compiled().
SHOW = """
from pmemobj import _build_mode, plain
from pmemobj._engine import heap
from pmemobj._containers import list as _list
assert _list.base(heap.Heap(7)) == 7 and plain.__file__.endswith("plain.py")
print(*(m.__file__.endswith(".py") for m in (heap, _list)), _build_mode.is_compiled())
"""
SOURCE, COMPILED = "True True False", "False False True"
STALE = "from pmemobj import _build_mode; print(*_build_mode.stale_extensions(), sep='\\n')"


class Project:
    """A checkout of a small pmemobj, in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "pmemobj"
        (root / "pmemobj_magics").mkdir(parents=True)
        (root / "pmemobj_magics" / "__init__.py").touch()
        self.package.mkdir()
        for name, text in SOURCES.items():
            (self.package / name).parent.mkdir(exist_ok=True)
            (self.package / name).write_text(text)
        shutil.copy(ROOT / "pmemobj" / "_build_mode.py", self.package)
        for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "LICENSE"):
            shutil.copy(ROOT / name, root)
        (root / "README.md").touch()

    def python(self, *args: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if k not in ("PMEMOBJ_PURE", "PYTHONPATH", "CC")}
        done = subprocess.run(
            [sys.executable, *args], cwd=self.root, env=inherited | env, text=True, capture_output=True
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def run(self, code: str, **env: str) -> str:
        return self.python("-c", code, **env).stdout.strip()

    def error(self, code: str, **env: str) -> str:
        done = self.python("-c", code, check=False, **env)
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]

    def fake_extension(self, module: str, suffix: str = SUFFIX) -> Path:
        path = self.package / f"{module}{suffix}"
        path.touch()
        return path

    def stale(self) -> list[str]:
        return [self.place(Path(line)) for line in self.run(STALE, PMEMOBJ_PURE="1").splitlines()]

    def extensions(self) -> list[str]:
        return sorted(self.place(path) for path in self.package.rglob("*.so"))

    def place(self, extension: Path) -> str:
        return str(extension.relative_to(self.package)).partition(".")[0]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "checkout")


class TestChoice:
    @pytest.mark.parametrize("env", [{}, {"PMEMOBJ_PURE": ""}, {"PMEMOBJ_PURE": "1"}])
    def test_sources_where_nothing_is_compiled(self, project: Project, env: dict[str, str]) -> None:
        assert project.run(SHOW, **env) == SOURCE

    def test_extensions_where_all_are_there(self, project: Project) -> None:
        for module in HOT:
            project.fake_extension(module)
        assert SUFFIX in project.error(SHOW)
        assert SUFFIX in project.error(SHOW, PMEMOBJ_PURE="0")

    def test_pure_passes_over_extensions(self, project: Project) -> None:
        for module in HOT:
            project.fake_extension(module)
        assert project.run(SHOW, PMEMOBJ_PURE="1") == SOURCE

    def test_never_a_mixture(self, project: Project) -> None:
        project.fake_extension("_engine/heap")
        assert project.run(SHOW) == SOURCE

    def test_demanded_but_missing(self, project: Project) -> None:
        project.fake_extension("_engine/heap")
        error = project.error(SHOW, PMEMOBJ_PURE="0")
        assert error.startswith("ImportError: cannot import compiled pmemobj._containers.list: ")
        assert "make build" in error

    def test_extension_of_another_python_does_not_count(self, project: Project) -> None:
        for module in HOT:
            project.fake_extension(module, ".cpython-34m-x86_64-linux-gnu.so")
        assert project.run(SHOW) == SOURCE
        assert "pmemobj._containers.list, pmemobj._engine.heap" in project.error(SHOW, PMEMOBJ_PURE="0")

    def test_module_with_only_a_pxd_is_not_hot(self, project: Project) -> None:
        (project.package / "_declarations.pxd").touch()
        assert project.run(SHOW) == SOURCE
        assert "_declarations" not in project.error(SHOW, PMEMOBJ_PURE="0")


class TestStale:
    @pytest.fixture
    def built(self, project: Project) -> Project:
        for path in project.package.rglob("*"):
            os.utime(path, (1000, 1000))
        for module in HOT:
            os.utime(project.fake_extension(module), (2000, 2000))
        return project

    def test_newer_than_its_sources(self, built: Project) -> None:
        assert built.stale() == []

    def test_source_edited(self, built: Project) -> None:
        os.utime(built.package / "_containers/list.py", (3000, 3000))
        assert built.stale() == ["_containers/list"]

    def test_shared_types_edited(self, built: Project) -> None:
        os.utime(built.package / "_engine/heap.pxd", (3000, 3000))
        assert built.stale() == list(HOT)

    def test_cold_module_edited(self, built: Project) -> None:
        os.utime(built.package / "plain.py", (3000, 3000))
        assert built.stale() == []

    @pytest.mark.parametrize("lost", ["_containers/list.py", "_containers/list.pxd"])
    def test_no_longer_hot(self, built: Project, lost: str) -> None:
        (built.package / lost).unlink()
        assert built.stale() == ["_containers/list"]

    def test_extension_of_another_python(self, built: Project) -> None:
        os.utime(built.fake_extension("_containers/list", ".cpython-34m-x86_64-linux-gnu.so"), (500, 500))
        assert built.stale() == []

    def test_times_mean_nothing_in_an_installed_copy(self, built: Project) -> None:
        os.utime(built.package / "_containers/list.py", (3000, 3000))
        (built.root / "setup.py").unlink()
        assert built.stale() == []


@pytest.fixture
def builder(project: Project) -> Project:
    pytest.importorskip("Cython", reason="building needs the extra `dev`")
    return project


@pytest.fixture
def compiler(builder: Project) -> Project:
    if subprocess.run([ROOT / "tools" / "bootstrap.sh", sys.executable, "can-compile"]).returncode:
        pytest.skip("no working C compiler")
    return builder


@pytest.mark.once
class TestBuild:
    IN_PLACE = ("setup.py", "build_ext", "--inplace")
    WHEEL = ("setup.py", "bdist_wheel")

    def wheel(self, project: Project, **env: str) -> list[str]:
        project.python(*self.WHEEL, **env)
        (wheel,) = (project.root / "dist").glob("*.whl")
        return [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name]

    def test_in_place(self, compiler: Project) -> None:
        compiler.python(*self.IN_PLACE, PMEMOBJ_PURE="0")
        assert compiler.extensions() == list(HOT)
        assert compiler.run(SHOW) == compiler.run(SHOW, PMEMOBJ_PURE="0") == COMPILED
        assert compiler.run(SHOW, PMEMOBJ_PURE="1") == SOURCE
        assert compiler.stale() == []
        assert not list(compiler.package.rglob("*.c"))

        # After a change of types and a new build, no module is stale, although Cython need not touch all of them.
        (compiler.package / "_containers/list.pxd").touch()
        assert compiler.stale() == list(HOT)
        compiler.python(*self.IN_PLACE, PMEMOBJ_PURE="0")
        assert compiler.stale() == []

    def test_wheel_has_extensions_and_sources(self, compiler: Project) -> None:
        names = self.wheel(compiler, PMEMOBJ_PURE="0")
        for module in HOT:
            assert {f"pmemobj/{module}{suffix}" for suffix in (SUFFIX, ".py", ".pxd")} <= set(names)
        assert not [name for name in names if name.endswith(".c")]

    def test_without_a_compiler(self, builder: Project) -> None:
        names = self.wheel(builder, CC="/bin/false")
        assert "pmemobj/_engine/heap.pxd" in names
        assert not [name for name in names if name.endswith(".so")]

    def test_demanded_without_a_compiler(self, builder: Project) -> None:
        done = builder.python(*self.IN_PLACE, check=False, CC="/bin/false", PMEMOBJ_PURE="0")
        assert done.returncode != 0
        assert "/bin/false" in done.stderr

    def test_pure_compiles_nothing(self, builder: Project) -> None:
        builder.python(*self.IN_PLACE, PMEMOBJ_PURE="1")
        assert not builder.extensions()
        assert not (builder.root / "build").exists()
