"""What bytes-like objects can be asked: the methods of bytearray that change nothing.

Each works on a copy and returns what the method of `bytearray` returns, so plain bytearrays, not
persistent ones. A persistent argument is accepted wherever a bytes-like one is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pmemobj._containers.buffer import plain
from pmemobj._containers.number_sequence import NumberSequence


class BytesLike(NumberSequence):
    """The methods of bytearray that change nothing; see there for each of them."""

    __slots__ = ()

    def copy(self) -> bytearray:
        """A copy, as a plain bytearray."""
        return bytearray(self._bytes())

    def _ask(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        return getattr(self.copy(), name)(*map(plain, args), **(kwargs or {}))

    # ---- searching ----

    def count(self, *args: Any) -> int:
        """As bytearray's: ``count(sub[, start[, end]])``."""
        return self._ask("count", args)  # type: ignore[no-any-return]

    def find(self, *args: Any) -> int:
        """As bytearray's: ``find(sub[, start[, end]])``."""
        return self._ask("find", args)  # type: ignore[no-any-return]

    def rfind(self, *args: Any) -> int:
        """As bytearray's: ``rfind(sub[, start[, end]])``."""
        return self._ask("rfind", args)  # type: ignore[no-any-return]

    def index(self, *args: Any) -> int:
        """As bytearray's: ``index(sub[, start[, end]])``."""
        return self._ask("index", args)  # type: ignore[no-any-return]

    def rindex(self, *args: Any) -> int:
        """As bytearray's: ``rindex(sub[, start[, end]])``."""
        return self._ask("rindex", args)  # type: ignore[no-any-return]

    def startswith(self, *args: Any) -> bool:
        """As bytearray's: ``startswith(prefix[, start[, end]])``."""
        return self._ask("startswith", args)  # type: ignore[no-any-return]

    def endswith(self, *args: Any) -> bool:
        """As bytearray's: ``endswith(suffix[, start[, end]])``."""
        return self._ask("endswith", args)  # type: ignore[no-any-return]

    # ---- cutting and joining ----

    def split(self, *args: Any, **kwargs: Any) -> list[bytearray]:
        """As bytearray's: ``split(sep=None, maxsplit=-1)``."""
        return self._ask("split", args, kwargs)  # type: ignore[no-any-return]

    def rsplit(self, *args: Any, **kwargs: Any) -> list[bytearray]:
        """As bytearray's: ``rsplit(sep=None, maxsplit=-1)``."""
        return self._ask("rsplit", args, kwargs)  # type: ignore[no-any-return]

    def splitlines(self, *args: Any, **kwargs: Any) -> list[bytearray]:
        """As bytearray's: ``splitlines(keepends=False)``."""
        return self._ask("splitlines", args, kwargs)  # type: ignore[no-any-return]

    def partition(self, sep: Any, /) -> tuple[bytearray, bytearray, bytearray]:
        """As bytearray's."""
        return self._ask("partition", (sep,))  # type: ignore[no-any-return]

    def rpartition(self, sep: Any, /) -> tuple[bytearray, bytearray, bytearray]:
        """As bytearray's."""
        return self._ask("rpartition", (sep,))  # type: ignore[no-any-return]

    def join(self, parts: Iterable[Any], /) -> bytearray:
        """As bytearray's: the parts, with this between them."""
        return self.copy().join([plain(part) for part in parts])

    def removeprefix(self, prefix: Any, /) -> bytearray:
        """As bytearray's."""
        return self._ask("removeprefix", (prefix,))  # type: ignore[no-any-return]

    def removesuffix(self, suffix: Any, /) -> bytearray:
        """As bytearray's."""
        return self._ask("removesuffix", (suffix,))  # type: ignore[no-any-return]

    def strip(self, *args: Any) -> bytearray:
        """As bytearray's: ``strip([bytes])``."""
        return self._ask("strip", args)  # type: ignore[no-any-return]

    def lstrip(self, *args: Any) -> bytearray:
        """As bytearray's: ``lstrip([bytes])``."""
        return self._ask("lstrip", args)  # type: ignore[no-any-return]

    def rstrip(self, *args: Any) -> bytearray:
        """As bytearray's: ``rstrip([bytes])``."""
        return self._ask("rstrip", args)  # type: ignore[no-any-return]

    # ---- changed copies ----

    def replace(self, *args: Any) -> bytearray:
        """As bytearray's: ``replace(old, new, count=-1)``."""
        return self._ask("replace", args)  # type: ignore[no-any-return]

    def translate(self, *args: Any, **kwargs: Any) -> bytearray:
        """As bytearray's: ``translate(table, delete=b'')``."""
        return self._ask("translate", args, kwargs)  # type: ignore[no-any-return]

    def expandtabs(self, *args: Any, **kwargs: Any) -> bytearray:
        """As bytearray's: ``expandtabs(tabsize=8)``."""
        return self._ask("expandtabs", args, kwargs)  # type: ignore[no-any-return]

    def center(self, *args: Any) -> bytearray:
        """As bytearray's: ``center(width, fillbyte=b' ')``."""
        return self._ask("center", args)  # type: ignore[no-any-return]

    def ljust(self, *args: Any) -> bytearray:
        """As bytearray's: ``ljust(width, fillbyte=b' ')``."""
        return self._ask("ljust", args)  # type: ignore[no-any-return]

    def rjust(self, *args: Any) -> bytearray:
        """As bytearray's: ``rjust(width, fillbyte=b' ')``."""
        return self._ask("rjust", args)  # type: ignore[no-any-return]

    def zfill(self, width: Any, /) -> bytearray:
        """As bytearray's."""
        return self.copy().zfill(width)

    def capitalize(self) -> bytearray:
        """As bytearray's."""
        return self.copy().capitalize()

    def lower(self) -> bytearray:
        """As bytearray's."""
        return self.copy().lower()

    def swapcase(self) -> bytearray:
        """As bytearray's."""
        return self.copy().swapcase()

    def title(self) -> bytearray:
        """As bytearray's."""
        return self.copy().title()

    def upper(self) -> bytearray:
        """As bytearray's."""
        return self.copy().upper()

    def __mod__(self, values: Any) -> bytearray:
        filled: bytearray = self.copy() % plain(values)
        return filled

    # ---- what it consists of ----

    def isalnum(self) -> bool:
        """As bytearray's."""
        return self.copy().isalnum()

    def isalpha(self) -> bool:
        """As bytearray's."""
        return self.copy().isalpha()

    def isascii(self) -> bool:
        """As bytearray's."""
        return self.copy().isascii()

    def isdigit(self) -> bool:
        """As bytearray's."""
        return self.copy().isdigit()

    def islower(self) -> bool:
        """As bytearray's."""
        return self.copy().islower()

    def isspace(self) -> bool:
        """As bytearray's."""
        return self.copy().isspace()

    def istitle(self) -> bool:
        """As bytearray's."""
        return self.copy().istitle()

    def isupper(self) -> bool:
        """As bytearray's."""
        return self.copy().isupper()

    # ---- as text ----

    def decode(self, *args: Any, **kwargs: Any) -> str:
        """As bytearray's: ``decode(encoding='utf-8', errors='strict')``."""
        return self._ask("decode", args, kwargs)  # type: ignore[no-any-return]

    def hex(self, *args: Any, **kwargs: Any) -> str:
        """As bytearray's: ``hex([sep[, bytes_per_sep]])``."""
        return self._ask("hex", args, kwargs)  # type: ignore[no-any-return]

    @staticmethod
    def maketrans(frm: Any, to: Any, /) -> bytes:
        """As bytearray's: a table for `translate`."""
        return bytearray.maketrans(plain(frm), plain(to))
