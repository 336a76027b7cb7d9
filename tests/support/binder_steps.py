"""What repo2docker makes of the files in ``binder/``, and docker of a ``Dockerfile``, in a `FreshRoot`.

Only what our files use is understood; anything else is an error, so that nothing is passed over in silence.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from fresh_root import ROOT, USER, FreshRoot, repository

BINDER = ROOT / "binder"
#: The files of repo2docker that are understood here; there are more.
KNOWN = {"apt.txt", "postBuild", "requirements.txt", "runtime.txt", "start"}
#: Where repo2docker has the Python of the notebooks; the user may install into it.
ENVIRONMENT = "/srv/conda/envs/notebook"
#: A Python with its headers, which the images that are built upon bring along.
PYTHON = ("python3", "python3-dev", "python3-venv")


def words(file: Path) -> list[str]:
    """The entries of an ``apt.txt``."""
    lines = (line.split("#")[0] for line in file.read_text().splitlines())
    return [word for line in lines for word in line.split()]


@dataclass
class Built:
    """What a build left behind, and how a program is started in it."""

    root: FreshRoot
    directory: str
    environment: dict[str, str]
    start: list[str] = field(default_factory=list)

    def run(self, *command: str) -> str:
        """Run a program as a container would."""
        line = " ".join(map(shlex.quote, [*self.start, *command]))
        return self.root.run(line, user=USER, **self.environment, WORKDIR=self.directory)


def build_by_binder(root: FreshRoot) -> Built:
    """The steps of repo2docker, in its order (`jupyter-repo2docker --no-build --debug .` prints them)."""
    unknown = {path.name for path in BINDER.iterdir()} - KNOWN
    assert not unknown, f"binder/ has files that this reader does not know: {unknown}"
    root.install(*PYTHON)
    root.add_user()
    root.run(f"python3 -m venv {ENVIRONMENT} && chown -R {USER}: {ENVIRONMENT}")
    environment = {"PATH": f"{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin", "NB_PYTHON_PREFIX": ENVIRONMENT}
    home = f"/home/{USER}"

    root.copy_in([BINDER / "requirements.txt"], home, USER)
    root.install(*words(BINDER / "apt.txt"))
    root.run(f"{ENVIRONMENT}/bin/pip install -q --no-cache-dir -r binder/requirements.txt", user=USER, **environment)
    root.copy_in(repository(), home, USER)
    root.run("chmod +x binder/postBuild && ./binder/postBuild", user=USER, **environment)
    start = [f"{home}/binder/start"] if (BINDER / "start").exists() else []
    return Built(root, home, environment, start)


@dataclass(frozen=True)
class Instruction:
    """A line of a Dockerfile."""

    name: str
    text: str


def instructions(dockerfile: str) -> list[Instruction]:
    """The lines of a Dockerfile, continued ones joined."""
    joined = "\n".join(line for line in dockerfile.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def build_by_dockerfile(root: FreshRoot, dockerfile: str, **changes: str) -> Built:
    """Carry out the instructions; `changes` are of the environment, for this build only."""
    user, directory = "root", "/"
    environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    for instruction in instructions(dockerfile):
        match instruction.name, shlex.split(instruction.text):
            case "FROM", [image]:
                assert image.startswith("python:") and "-slim" in image, f"no stand-in for {image}"
                root.install(*PYTHON, "python-is-python3")
            case "RUN", _:
                root.run(instruction.text, user=user, **environment | changes, WORKDIR=directory)
            case "ENV", settings:
                for name, _, value in (setting.partition("=") for setting in settings):
                    environment[name] = value.replace("$PATH", environment["PATH"])
            case "USER", [user]:
                pass
            case "WORKDIR", [directory]:
                root.run('mkdir -p "$1"', directory)
            case "COPY", [*options, source, to]:
                assert options in ([], [f"--chown={USER}"]), options
                owner = USER if options else "root"
                if source == ".":
                    root.copy_in(repository(), directory if to == "." else to, owner)
                else:
                    assert to == source, "a file keeps its place"
                    root.copy_in([ROOT / source], directory, owner)
            case "CMD", _:
                json.loads(instruction.text)
            case "EXPOSE", [_port]:
                pass
            case _:
                raise AssertionError(f"this reader does not know {instruction}")
    assert user == USER
    return Built(root, directory, environment)
