"""One run of QEMU, from its start to the cut of its power."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whole_machine.materials import NVDIMM_SIZE, Materials
from whole_machine.requirements import MachineError

#: Seconds without a line after which the machine is taken to hang. It is emulated, maybe on a busy machine.
PATIENCE = 600.0
_DISK = Path(__file__).with_name("disk.py")


@dataclass
class Machine:
    """A machine that is switched on with `running`.

    Attributes:
        materials: What it boots from.
        directory: Where its media are, `nvdimm.img` and `disk.img`; sockets and logs get there too.
        words: What the guest is told on the command line of the kernel.
        keep: What the disk keeps of writes that nobody waited for, one of `disk.KEEP`.
        seed: For the choices of the disk.
        lies: Whether the disk confirms flushes that it does not do.
    """

    materials: Materials
    directory: Path
    words: str = ""
    keep: str = "all"
    seed: int = 0
    lies: bool = False
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _rest: bytes = b""

    @contextlib.contextmanager
    def running(self) -> Iterator[Machine]:
        """The machine, switched on. Its power is cut at the end of the block, if `cut` has not done so."""
        for name in ("disk.socket", "disk.json", "disk.pid", "cut", "cut.over"):
            (self.directory / name).unlink(missing_ok=True)
        try:
            self._start_disk()
            self._processes.append(subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE))
            yield self
        finally:
            for process in reversed(self._processes):
                process.kill()
                process.wait()

    def lines(self) -> Iterator[list[Any]]:
        """What the guest says, line by line, until the machine is off. A line that was cut off is left out.

        Raises:
            MachineError: it says nothing for too long.
        """
        output = self._processes[-1].stdout
        assert output is not None
        with selectors.DefaultSelector() as ready:
            ready.register(output, selectors.EVENT_READ)
            while True:
                if not ready.select(PATIENCE):
                    raise MachineError(
                        "go on with the machine", f"it said nothing for {PATIENCE:.0f} s", self._console()
                    )
                data = os.read(output.fileno(), 1 << 16)
                if not data:
                    return
                *whole, self._rest = (self._rest + data).split(b"\n")
                for line in whole:
                    yield json.loads(line)

    def cut(self) -> None:
        """Cut the power: QEMU is killed. What the guest said before can still be read from `lines`."""
        (self.directory / "cut").touch()
        self._processes[-1].kill()
        self._processes[-1].wait()
        (self.directory / "cut.over").touch()

    def off(self) -> dict[str, int]:
        """Wait until the disk has done its part of the cut.

        Returns:
            What `disk.Disk.cut` returned.

        Raises:
            MachineError: the disk did not end.
        """
        self._processes[-1].wait()
        try:
            code = self._processes[0].wait(PATIENCE)
            found: dict[str, int] = json.loads((self.directory / "disk.json").read_text())
        except (subprocess.TimeoutExpired, FileNotFoundError) as error:
            raise MachineError(
                "cut the power of the disk", f"nbdkit did not end as it should: {error}", self._console()
            ) from error
        if code:
            raise MachineError("cut the power of the disk", f"nbdkit ended with {code}", self._console())
        return found

    def _start_disk(self) -> None:
        socket, ready = self.directory / "disk.socket", self.directory / "disk.pid"
        command = ["nbdkit", "--foreground", "--exit-with-parent", "--filter=exitlast", "--unix", str(socket)]
        command += ["--pidfile", str(ready), "python", str(_DISK), f"image={self.directory / 'disk.img'}"]
        command += [f"keep={self.keep}", f"seed={self.seed}", f"lies={int(self.lies)}", f"cut={self.directory / 'cut'}"]
        command += [f"report={self.directory / 'disk.json'}"]
        with open(self.directory / "disk.log", "wb") as log:
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        until = time.monotonic() + 60
        while not ready.exists():
            if self._processes[0].poll() is not None or time.monotonic() > until:
                text = (self.directory / "disk.log").read_text(errors="replace")
                raise MachineError("start the disk", f"nbdkit says: {text[-500:]}", "install nbdkit-plugin-python")
            time.sleep(0.02)

    def _command(self) -> list[str]:
        made, here = self.materials, self.directory
        memory = f"memory-backend-file,id=persistent,share=on,mem-path={here / 'nvdimm.img'},size={NVDIMM_SIZE}"
        disks = [f"file={file},if=virtio,format=raw,readonly=on" for file in (made.root, made.project)]
        disks.append(f"file=nbd+unix:///?socket={here / 'disk.socket'},if=virtio,format=raw,cache=none")
        command = [shutil.which("qemu-system-x86_64") or "qemu-system-x86_64", "-nodefaults", "-no-reboot"]
        # Emulation, not KVM, works in every virtual machine and container, and a cut may come between any two instructions.
        command += ["-machine", "q35,nvdimm=on,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1G,slots=2,maxmem=8G"]
        command += ["-object", memory, "-device", "nvdimm,id=nvdimm1,memdev=persistent"]
        for disk in disks:
            command += ["-drive", disk]
        command += ["-display", "none", "-serial", f"file:{here / 'console.log'}", "-serial", "stdio"]
        command += ["-kernel", str(made.kernel), "-initrd", str(made.initramfs)]
        return [*command, "-append", f"console=ttyS0 loglevel=4 panic=-1 {self.words}"]

    def _console(self) -> str:
        with contextlib.suppress(OSError):
            return f"its console ends with: {(self.directory / 'console.log').read_text(errors='replace')[-800:]}"
        return "it has no console"
