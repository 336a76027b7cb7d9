"""The files of binder/ and the Dockerfile fit together, and make an environment in which the notebooks run.

The slow half is run by `make test-binder`; it needs root, debootstrap and the package registries. Docker itself is
not needed: `binder_steps` carries the files out in a `FreshRoot`. What it cannot show is that the images named are there.
"""

from __future__ import annotations

import re
from pathlib import Path

import fresh_root
import pytest
from binder_steps import BINDER, Built, build_by_binder, build_by_dockerfile, instructions, words
from fresh_root import ROOT

pytestmark = pytest.mark.once

DOCKERFILE = (ROOT / "Dockerfile").read_text()
#: Runs a notebook from its first cell to its last, in its own directory; an error in a cell is a failure.
RUN_NOTEBOOK = """
import sys, nbformat
from nbclient import NotebookClient
from pathlib import Path
path = Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source)
print("ran", len(notebook.cells), "cells")
"""
WHAT_IS_THERE = "import pmemobj, pmemobj.crash._native; print(pmemobj.compiled)"

slow = [pytest.mark.fresh_root, pytest.mark.timeout(0)]  # each step has its own patience


def test_what_binder_installs_is_what_the_tools_ask_for() -> None:
    """The same Debian packages are named in two places: for a machine with nothing on it, and for one that has some of them."""
    packages = words(BINDER / "apt.txt")
    assert packages == sorted(set(packages))
    assert set(packages) <= set(re.findall(r"[\w.-]+", (ROOT / "tools" / "bootstrap.sh").read_text()))


def test_post_build_stops_at_the_first_error_and_installs_the_project() -> None:
    lines = (BINDER / "postBuild").read_text().splitlines()
    assert lines[0] == "#!/bin/bash" and "set -e" in lines
    assert (BINDER / "postBuild").stat().st_mode & 0o111
    assert any(line.startswith("python -m pip install") and '".[notebooks]"' in line for line in lines)


def test_the_two_have_the_same_python() -> None:
    version = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    (base,) = (line.text for line in instructions(DOCKERFILE) if line.name == "FROM")
    assert base.startswith(f"python:{version}-slim")


def test_the_dockerfile_follows_the_files_of_binder() -> None:
    """The Dockerfile names the files in repo2docker's order, and no package of its own."""
    text = "\n".join(f"{line.name} {line.text}" for line in instructions(DOCKERFILE))
    order = [
        "apt-get -qq install",
        "USER jovyan",
        "pip install --no-cache-dir -r binder/requirements.txt",
        "COPY --chown=jovyan . .",
        "bash binder/postBuild",
    ]
    places = [text.index(step) for step in order]
    assert places == sorted(places)
    (install,) = re.findall(r"apt-get -qq install ([^&]*)", text)
    assert [word for word in install.split() if not word.startswith("-")] == ["$(cat", "binder/apt.txt)"]


def test_nothing_that_was_built_gets_into_the_image() -> None:
    """Docker ignores all files that git ignores."""
    left_out = (ROOT / ".dockerignore").read_text().split()
    for line in (ROOT / ".gitignore").read_text().splitlines():
        name = line.replace("!/", "!").strip("/")
        if name and not line.startswith("#"):
            assert name in left_out or f"**/{name}" in left_out, line


def first_notebook_runs(built: Built) -> None:
    assert "ran" in built.run("python", "-c", RUN_NOTEBOOK, "notebooks/01_hello.ipynb")
    assert re.match(r"\d+\.", built.run("jupyter", "lab", "--version"))


class TestFresh:
    """The steps are carried out in a root with nothing on it."""

    pytestmark = slow

    def test_binder(self, tmp_path: Path) -> None:
        with fresh_root.made(tmp_path / "root") as root:
            built = build_by_binder(root)
            assert built.run("python", "-c", WHAT_IS_THERE).strip() == "True"
            assert built.run("id", "-un").strip() == fresh_root.USER
            first_notebook_runs(built)

    def test_dockerfile(self, tmp_path: Path) -> None:
        """This one stays uncompiled, since the test above has compiled the same sources by the same script."""
        with fresh_root.made(tmp_path / "root") as root:
            first_notebook_runs(build_by_dockerfile(root, DOCKERFILE, PMEMOBJ_PURE="1"))
