"""Compile the hot modules; everything else about the distribution is in pyproject.toml.

A module of `pmemobj` is hot if a .pxd with its C types lies beside its .py; there is no other list of them.
`PMEMOBJ_PURE=1` builds without compiling, `PMEMOBJ_PURE=0` makes a failed compilation an error;
otherwise an install without a working C compiler succeeds and runs the uncompiled sources.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

PURE = os.environ.get("PMEMOBJ_PURE")


def extensions() -> list[Extension]:
    from Cython.Build import cythonize

    pxds = sorted(str(pxd) for pxd in Path("pmemobj").rglob("*.pxd"))
    hot = [Path(pxd) for pxd in pxds if Path(pxd).with_suffix(".py").exists()]
    modules = cythonize(
        [
            Extension(
                ".".join(pxd.with_suffix("").parts),
                [str(pxd.with_suffix(".py"))],
                # Struct layouts cross modules, so every .pxd concerns every module.
                depends=pxds,
                extra_compile_args=["-O3", "-g0"],  # Python's own -g adds a third to the build
            )
            for pxd in hot
        ],
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            # Annotations are for readers and mypy. Only the .pxd decides C types, so that
            # `int` means a Python int in both modes.
            "annotation_typing": False,
            # The compiled functions work with inspect, doctest and pickle, as uncompiled functions do.
            "binding": True,
            "embedsignature": False,
        },
    )
    # Two modules are plain C, and everything else works without them: the functions in place of libpmem's, for every
    # ELF system, and the recorder of the crash lab, which compiles on x86-64 Linux only.
    plain = [
        Extension("pmemobj._pmdk._interposer", ["pmemobj/_pmdk/_interposer.c"], extra_compile_args=["-O2", "-g0"]),
        Extension("pmemobj.crash._native", ["pmemobj/crash/_native.c"], extra_compile_args=["-O2", "-g0"]),
    ]
    for module in plain:
        module.optional = True
    for module in modules:
        module.optional = PURE != "0"  # set here because cythonize() drops it
    return [*modules, *plain]


setup(ext_modules=[] if PURE == "1" else extensions())
