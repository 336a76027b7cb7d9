"""The methods of bytearray that change nothing.

Each method works on a copy and returns what the method of `bytearray` returns, so the results are plain bytearrays and
not persistent ones. A persistent argument is accepted wherever a bytes-like one is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pmemobj._containers.buffer import plain
from pmemobj._containers.number_sequence import NumberSequence


class BytesLike(NumberSequence):
    """Has the methods of bytearray that change nothing; `bytearray` describes each of them."""

    __slots__ = ()

    def copy(self) -> bytearray:
        """A copy, as a plain bytearray.

        Cost: O(n).
        """
        return bytearray(self._bytes())

    def _ask(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        return getattr(self.copy(), name)(*map(plain, args), **(kwargs or {}))

    # ---- searching ----

    def count(self, *args: Any) -> int:
        """See `bytearray.count`: ``count(sub[, start[, end]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("count", args)  # type: ignore[no-any-return]

    def find(self, *args: Any) -> int:
        """See `bytearray.find`: ``find(sub[, start[, end]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("find", args)  # type: ignore[no-any-return]

    def rfind(self, *args: Any) -> int:
        """See `bytearray.rfind`: ``rfind(sub[, start[, end]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("rfind", args)  # type: ignore[no-any-return]

    def index(self, *args: Any) -> int:
        """See `bytearray.index`: ``index(sub[, start[, end]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("index", args)  # type: ignore[no-any-return]

    def rindex(self, *args: Any) -> int:
        """See `bytearray.rindex`: ``rindex(sub[, start[, end]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("rindex", args)  # type: ignore[no-any-return]

    def startswith(self, *args: Any) -> bool:
        """See `bytearray.startswith`: ``startswith(prefix[, start[, end]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("startswith", args)  # type: ignore[no-any-return]

    def endswith(self, *args: Any) -> bool:
        """See `bytearray.endswith`: ``endswith(suffix[, start[, end]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("endswith", args)  # type: ignore[no-any-return]

    # ---- cutting and joining ----

    def split(self, *args: Any, **kwargs: Any) -> list[bytearray]:
        """See `bytearray.split`: ``split(sep=None, maxsplit=-1)``.

        Cost: O(n), on a copy.
        """
        return self._ask("split", args, kwargs)  # type: ignore[no-any-return]

    def rsplit(self, *args: Any, **kwargs: Any) -> list[bytearray]:
        """See `bytearray.rsplit`: ``rsplit(sep=None, maxsplit=-1)``.

        Cost: O(n), on a copy.
        """
        return self._ask("rsplit", args, kwargs)  # type: ignore[no-any-return]

    def splitlines(self, *args: Any, **kwargs: Any) -> list[bytearray]:
        """See `bytearray.splitlines`: ``splitlines(keepends=False)``.

        Cost: O(n), on a copy.
        """
        return self._ask("splitlines", args, kwargs)  # type: ignore[no-any-return]

    def partition(self, sep: Any, /) -> tuple[bytearray, bytearray, bytearray]:
        """See `bytearray.partition`.

        Cost: O(n), on a copy.
        """
        return self._ask("partition", (sep,))  # type: ignore[no-any-return]

    def rpartition(self, sep: Any, /) -> tuple[bytearray, bytearray, bytearray]:
        """See `bytearray.rpartition`.

        Cost: O(n), on a copy.
        """
        return self._ask("rpartition", (sep,))  # type: ignore[no-any-return]

    def join(self, parts: Iterable[Any], /) -> bytearray:
        """Join the parts, with this object between them; see `bytearray.join`.

        Cost: O(n), on a copy.
        """
        return self.copy().join([plain(part) for part in parts])

    def removeprefix(self, prefix: Any, /) -> bytearray:
        """See `bytearray.removeprefix`.

        Cost: O(n), on a copy.
        """
        return self._ask("removeprefix", (prefix,))  # type: ignore[no-any-return]

    def removesuffix(self, suffix: Any, /) -> bytearray:
        """See `bytearray.removesuffix`.

        Cost: O(n), on a copy.
        """
        return self._ask("removesuffix", (suffix,))  # type: ignore[no-any-return]

    def strip(self, *args: Any) -> bytearray:
        """See `bytearray.strip`: ``strip([bytes])``.

        Cost: O(n), on a copy.
        """
        return self._ask("strip", args)  # type: ignore[no-any-return]

    def lstrip(self, *args: Any) -> bytearray:
        """See `bytearray.lstrip`: ``lstrip([bytes])``.

        Cost: O(n), on a copy.
        """
        return self._ask("lstrip", args)  # type: ignore[no-any-return]

    def rstrip(self, *args: Any) -> bytearray:
        """See `bytearray.rstrip`: ``rstrip([bytes])``.

        Cost: O(n), on a copy.
        """
        return self._ask("rstrip", args)  # type: ignore[no-any-return]

    # ---- changed copies ----

    def replace(self, *args: Any) -> bytearray:
        """See `bytearray.replace`: ``replace(old, new, count=-1)``.

        Cost: O(n), on a copy.
        """
        return self._ask("replace", args)  # type: ignore[no-any-return]

    def translate(self, *args: Any, **kwargs: Any) -> bytearray:
        """See `bytearray.translate`: ``translate(table, delete=b'')``.

        Cost: O(n), on a copy.
        """
        return self._ask("translate", args, kwargs)  # type: ignore[no-any-return]

    def expandtabs(self, *args: Any, **kwargs: Any) -> bytearray:
        """See `bytearray.expandtabs`: ``expandtabs(tabsize=8)``.

        Cost: O(n), on a copy.
        """
        return self._ask("expandtabs", args, kwargs)  # type: ignore[no-any-return]

    def center(self, *args: Any) -> bytearray:
        """See `bytearray.center`: ``center(width, fillbyte=b' ')``.

        Cost: O(n), on a copy.
        """
        return self._ask("center", args)  # type: ignore[no-any-return]

    def ljust(self, *args: Any) -> bytearray:
        """See `bytearray.ljust`: ``ljust(width, fillbyte=b' ')``.

        Cost: O(n), on a copy.
        """
        return self._ask("ljust", args)  # type: ignore[no-any-return]

    def rjust(self, *args: Any) -> bytearray:
        """See `bytearray.rjust`: ``rjust(width, fillbyte=b' ')``.

        Cost: O(n), on a copy.
        """
        return self._ask("rjust", args)  # type: ignore[no-any-return]

    def zfill(self, width: Any, /) -> bytearray:
        """See `bytearray.zfill`.

        Cost: O(n), on a copy.
        """
        return self.copy().zfill(width)

    def capitalize(self) -> bytearray:
        """See `bytearray.capitalize`.

        Cost: O(n), on a copy.
        """
        return self.copy().capitalize()

    def lower(self) -> bytearray:
        """See `bytearray.lower`.

        Cost: O(n), on a copy.
        """
        return self.copy().lower()

    def swapcase(self) -> bytearray:
        """See `bytearray.swapcase`.

        Cost: O(n), on a copy.
        """
        return self.copy().swapcase()

    def title(self) -> bytearray:
        """See `bytearray.title`.

        Cost: O(n), on a copy.
        """
        return self.copy().title()

    def upper(self) -> bytearray:
        """See `bytearray.upper`.

        Cost: O(n), on a copy.
        """
        return self.copy().upper()

    def __mod__(self, values: Any) -> bytearray:
        filled: bytearray = self.copy() % plain(values)
        return filled

    # ---- what it consists of ----

    def isalnum(self) -> bool:
        """See `bytearray.isalnum`.

        Cost: O(n), on a copy.
        """
        return self.copy().isalnum()

    def isalpha(self) -> bool:
        """See `bytearray.isalpha`.

        Cost: O(n), on a copy.
        """
        return self.copy().isalpha()

    def isascii(self) -> bool:
        """See `bytearray.isascii`.

        Cost: O(n), on a copy.
        """
        return self.copy().isascii()

    def isdigit(self) -> bool:
        """See `bytearray.isdigit`.

        Cost: O(n), on a copy.
        """
        return self.copy().isdigit()

    def islower(self) -> bool:
        """See `bytearray.islower`.

        Cost: O(n), on a copy.
        """
        return self.copy().islower()

    def isspace(self) -> bool:
        """See `bytearray.isspace`.

        Cost: O(n), on a copy.
        """
        return self.copy().isspace()

    def istitle(self) -> bool:
        """See `bytearray.istitle`.

        Cost: O(n), on a copy.
        """
        return self.copy().istitle()

    def isupper(self) -> bool:
        """See `bytearray.isupper`.

        Cost: O(n), on a copy.
        """
        return self.copy().isupper()

    # ---- as text ----

    def decode(self, *args: Any, **kwargs: Any) -> str:
        """See `bytearray.decode`: ``decode(encoding='utf-8', errors='strict')``.

        Cost: O(n), on a copy.
        """
        return self._ask("decode", args, kwargs)  # type: ignore[no-any-return]

    def hex(self, *args: Any, **kwargs: Any) -> str:
        """See `bytearray.hex`: ``hex([sep[, bytes_per_sep]])``.

        Cost: O(n), on a copy.
        """
        return self._ask("hex", args, kwargs)  # type: ignore[no-any-return]

    @staticmethod
    def maketrans(frm: Any, to: Any, /) -> bytes:
        """See `bytearray.maketrans`.

        Cost: O(n), on a copy.
        """
        return bytearray.maketrans(plain(frm), plain(to))
