"""The disk of the machine loses what nobody waited for, and nothing else; also behind nbdkit, where that is installed."""

from __future__ import annotations

import json
import random
import shutil
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest
from whole_machine import disk as plugin
from whole_machine.disk import KEEP, SECTOR, Disk

pytestmark = pytest.mark.once

SECTORS = 16


def sectors(image: Path) -> str:
    """The first byte of each sector, as a text."""
    data = image.read_bytes()
    return "".join(chr(data[at]) for at in range(0, len(data), SECTOR))


def block(letters: str) -> bytes:
    return b"".join(letter.encode() * SECTOR for letter in letters)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "disk.img"
    file.write_bytes(block("." * SECTORS))
    return file


@pytest.mark.parametrize("keep", KEEP)
@pytest.mark.parametrize("seed", range(20))
def test_what_was_flushed_stays(image: Path, keep: str, seed: int) -> None:
    disk = Disk(str(image))
    disk.write(block("abcd"), 0)
    disk.flush()
    disk.write(block("XY"), SECTOR)
    disk.cut(keep, random.Random(seed))
    found = sectors(image)
    assert found[0] == "a" and found[3:] == "d" + "." * 12
    assert found[1] in "bX" and found[2] in "cY"


def outcomes(image: Path, keep: str, seeds: int = 200) -> set[str]:
    """What the cuts leave of two writes of two sectors that overlap in one."""
    found = set()
    for seed in range(seeds):
        image.write_bytes(block("." * 3))
        disk = Disk(str(image))
        disk.write(block("ab"), 0)
        disk.write(block("XY"), SECTOR)
        counted = disk.cut(keep, random.Random(seed))
        assert (counted["writes"], counted["sectors"]) == (2, 3)
        found.add(sectors(image))
        assert (sectors(image) == "aXY") == (counted["lost"] == 0)
    return found


def test_each_way_to_keep_leaves_all_that_it_may_leave(image: Path) -> None:
    assert outcomes(image, "all") == {"aXY"}
    assert outcomes(image, "none") == {"..."}
    assert outcomes(image, "first") == {"...", "ab.", "aXY"}
    assert outcomes(image, "writes") == {"...", "ab.", ".XY", "aXY"}
    assert outcomes(image, "sectors") == {a + b + c for a in ".a" for b in ".bX" for c in ".Y"}


def test_a_read_sees_what_was_not_flushed(image: Path) -> None:
    disk = Disk(str(image))
    disk.write(block("a"), 0)
    buffer = bytearray(SECTOR)
    disk.read(buffer, 0)
    assert buffer == block("a")


def test_a_disk_that_lies_loses_what_was_flushed(image: Path) -> None:
    disk = Disk(str(image), lies=True)
    disk.write(block("a"), 0)
    disk.flush()
    disk.cut("none", random.Random(0))
    assert sectors(image) == "." * SECTORS


def test_a_flush_that_the_cut_interrupts_keeps_nothing(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "_settings", {"cut": str(tmp_path / "cut")})
    disk = Disk(str(image))
    disk.write(block("a"), 0)
    plugin.flush(disk, 0)
    disk.write(block("b"), 0)
    (tmp_path / "cut").touch()
    over = threading.Timer(0.2, (tmp_path / "cut.over").touch)
    over.start()
    start = time.monotonic()
    plugin.flush(disk, 0)
    assert time.monotonic() - start > 0.1, "a flush must not be confirmed while the machine may still run"
    over.join()
    disk.cut("none", random.Random(0))
    assert sectors(image)[0] == "a"


def test_a_setting_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_settings", {})
    with pytest.raises(ValueError, match="no setting 'size'"):
        plugin.config("size", "3")
    with pytest.raises(ValueError, match="needs image="):
        plugin.config_complete()


# ---- behind nbdkit ----


class Client:
    """As much of NBD's protocol as reads, writes and flushes need (with the shortest of its handshakes)."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        assert self._receive(18) == b"NBDMAGIC" + b"IHAVEOPT" + struct.pack(">H", 3)
        self._socket.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 1, 0))
        size, _ = struct.unpack(">QH", self._receive(10))
        assert size == SECTORS * SECTOR

    def ask(self, command: int, offset: int = 0, length: int = 0, data: bytes = b"") -> bytes:
        """0 reads, 1 writes, 3 flushes."""
        self._socket.sendall(struct.pack(">IHHQQI", 0x25609513, 0, command, 7, offset, length or len(data)) + data)
        magic, error, handle = struct.unpack(">IIQ", self._receive(16))
        assert (magic, error, handle) == (0x67446698, 0, 7)
        return self._receive(length) if command == 0 else b""

    def drop(self) -> None:
        """Vanish, as a machine does whose power is cut."""
        self._socket.close()

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self._socket.recv(count - len(data))
        return data


def has_nbdkit() -> bool:
    """Whether nbdkit and its plugin for Python are here."""
    return (
        bool(shutil.which("nbdkit"))
        and not subprocess.run(["nbdkit", "--dump-plugin", "python"], capture_output=True).returncode
    )


@pytest.mark.skipif(not has_nbdkit(), reason="the package nbdkit-plugin-python is not installed")
@pytest.mark.parametrize("lies", [0, 1])
def test_nbdkit_and_the_disk_understand_each_other(image: Path, tmp_path: Path, lies: int) -> None:
    place, report = tmp_path / "s", tmp_path / "report"
    command = ["nbdkit", "--foreground", "--filter=exitlast", "--unix", str(place), "python", plugin.__file__]
    command += [f"image={image}", "keep=none", "seed=1", f"report={report}", f"lies={lies}", f"cut={tmp_path / 'cut'}"]
    with subprocess.Popen(command) as server:
        try:
            until = time.monotonic() + 20
            while not place.exists() and time.monotonic() < until:
                time.sleep(0.02)
            client = Client(place)
            client.ask(1, 0, data=block("ab"))
            client.ask(3)
            client.ask(1, SECTOR, data=block("X"))
            assert client.ask(0, SECTOR, SECTOR) == block("X")
            client.drop()
            assert server.wait(20) == 0
        finally:
            server.kill()
    assert sectors(image)[:3] == ("..." if lies else "ab.")
    assert json.loads(report.read_text())["flushes"] == 1
