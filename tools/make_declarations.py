"""Make pmemobj/_pmdk/declarations.py of declarations.h, so that no program has to parse C when it is started.

Run it after each change of declarations.h, and commit both; `tests/pmdk/test_declarations.py` compares them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cffi import FFI

ROOM = Path(__file__).parent.parent / "pmemobj" / "_pmdk"
HEAD = '''"""The C declarations of declarations.h as cffi loads them at once; made by tools/make_declarations.py."""

'''


def declarations() -> str:
    """The text that declarations.py must have."""
    source = FFI()
    source.cdef((ROOM / "declarations.h").read_text())
    source.set_source("pmemobj._pmdk.declarations", None)
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory) / "declarations.py"
        source.emit_python_code(str(made))
        return HEAD + made.read_text().removeprefix("# auto-generated file\n")


if __name__ == "__main__":
    (ROOM / "declarations.py").write_text(declarations())
