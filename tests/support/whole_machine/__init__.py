"""A whole machine whose power is cut: ``make test-machine`` (docs/machine.md says what it shows).

QEMU boots Linux with an emulated NVDIMM and a disk. Programs in that machine commit, and acknowledge each commit over a
serial line. At a random moment QEMU is killed. The machine boots again from what its media kept, and this process
compares what the pools hold with what was acknowledged.

    programs        which programs run in the machine: their medium, kind of file and mode
    workload        what commit number n changes, for a pool and for plain containers alike
    guest           runs in the machine: looks at the pools, then commits and acknowledges
    requirements    what is missing on this machine, and how it is installed
    materials       the kernel, the root, the initramfs and the empty media, made once below build/
    disk            the disk of the machine: a plugin of nbdkit that loses what nobody waited for
    machine         one run of QEMU, from its start to the cut
    judge           what was acknowledged, against what was found
    rounds          many cuts, one after the other; and mistakes that must be found
    page            the tables of docs/machine.md
    __main__        the command line
"""
