"""Which kind of memory a path is on, according to a mount table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pmemobj._files import medium as _medium
from pmemobj._files.medium import Medium

pytestmark = pytest.mark.once


def table(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(_medium, "_mounts", lambda: list(lines))


@pytest.mark.parametrize(
    ("options", "medium"),
    [
        ("rw - tmpfs none rw,size=1k", Medium.RAM),
        ("rw - ramfs none rw", Medium.RAM),
        ("rw - ext4 /dev/pmem0 rw,dax=always", Medium.DAX),
        ("rw,dax shared:1 - xfs /dev/pmem0 rw", Medium.DAX),
        ("rw - ext4 /dev/sda rw,dax=never", Medium.DISK),
    ],
)
def test_the_device_of_a_file_decides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: str, medium: Medium
) -> None:
    device = os.stat(tmp_path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    # Another file system is mounted over this one, or has a mount point that is nearer to the path.
    table(monkeypatch, "1 0 999:1 / / rw - ext4 /dev/x rw", f"2 1 {number} / /elsewhere {options}",
          f"3 1 999:2 / {tmp_path} rw - nfs x:/ rw")  # fmt: skip
    assert _medium.medium_of(str(tmp_path)) is medium


def test_else_the_nearest_mount_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strange = tmp_path / "a b"
    strange.mkdir()
    table(
        monkeypatch,
        "1 0 999:1 / / rw - ext4 /dev/x rw",
        f"2 1 999:2 / {tmp_path}/a\\040b rw - tmpfs none rw",
        f"3 1 999:3 / {tmp_path}/a rw - ext4 /dev/y rw,dax",
    )
    assert _medium.medium_of(str(strange / "pool")) is Medium.RAM  # which is not there yet
    assert _medium.medium_of(str(strange)) is Medium.RAM
    assert _medium.medium_of(str(tmp_path / "a" / "pool")) is Medium.DAX
    assert _medium.medium_of(str(tmp_path)) is Medium.DISK
    table(monkeypatch)
    assert _medium.medium_of(str(strange)) is Medium.DISK
