"""Every error that the package raises, each said in three parts: what, why, what to do.

A message reads ``cannot {what}: {why} ({what to do})``. Each class is a `PmemError` and, where
one fits, also a builtin, so that a program may catch either.
"""

from __future__ import annotations

import errno

__all__ = [
    "BadFieldError",
    "BadPoolSizeError",
    "BufferInUseError",
    "ClassNotFoundError",
    "ClassRefusedError",
    "DiskFullError",
    "DumpFormatError",
    "ForkedPoolError",
    "InvalidHandleError",
    "LibraryError",
    "MissingSnapshotError",
    "NotAPoolError",
    "NotPersistableError",
    "OtherPoolError",
    "PmemError",
    "PoolAccessError",
    "PoolBusyError",
    "PoolClosedError",
    "PoolDamagedError",
    "PoolExistsError",
    "PoolFullError",
    "PoolIsDirectoryError",
    "PoolLayoutError",
    "PoolNotFoundError",
    "PoolPermissionError",
    "PoolVersionError",
    "SandboxError",
    "TimeZoneNotFoundError",
    "TransactionAborted",
    "TransactionError",
    "UnpicklingRefusedError",
]


def a_or_an(noun: str) -> str:
    """``a dict``, ``an Account``: for names of types in messages."""
    return f"{'an' if noun.startswith(tuple('aeioAEIO')) else 'a'} {noun}"


class PmemError(Exception):
    """Something that this package could not do.

    Args:
        what: The thing that failed, with object, numbers and units; follows the word "cannot".
        why: The reason, in the words of the system or of libpmemobj where they help.
        todo: What the reader can do about it; may be empty.

    Attributes:
        what, why, todo: The three parts, for displays that lay them out themselves.
    """

    #: The errno of the subclasses that are also an `OSError`.
    errno_code: int = 0

    def __init__(self, what: str, why: str, todo: str = "", *, code: int = 0) -> None:
        self.what, self.why, self.todo = what, why, todo
        if isinstance(self, OSError):
            OSError.__init__(self, code or self.errno_code, str(self))
        else:
            super().__init__(what, why, todo)

    def __str__(self) -> str:
        hint = f" ({self.todo})" if self.todo else ""
        return f"cannot {self.what}: {self.why}{hint}"

    def __reduce__(self) -> tuple[type[PmemError], tuple[str, str, str]]:
        return type(self), (self.what, self.why, self.todo)


class LibraryError(PmemError, ImportError):
    """libpmemobj itself is missing, or too old to be used."""


# ---- pools -----------------------------------------------------------------------------------


class PoolExistsError(PmemError, FileExistsError):
    """A pool was to be created where a file is already."""

    errno_code = errno.EEXIST


class PoolNotFoundError(PmemError, FileNotFoundError):
    """There is no file to open."""

    errno_code = errno.ENOENT


class PoolIsDirectoryError(PmemError, IsADirectoryError):
    """A directory was named that is not the one of a growing pool."""

    errno_code = errno.EISDIR


class PoolPermissionError(PmemError, PermissionError):
    """The file or its directory may not be read and written."""

    errno_code = errno.EACCES


class PoolBusyError(PmemError, BlockingIOError):
    """The pool is open already, in this process or in another."""

    errno_code = errno.EAGAIN


class PoolAccessError(PmemError, OSError):
    """The system refuses the file for a reason that has no class of its own here; see ``errno``."""


class OtherPoolError(PmemError, ValueError):
    """A suspended pool was to be taken back, but another pool lies at its path."""


class DiskFullError(PmemError, OSError):
    """The file system has no room for a new pool."""

    errno_code = errno.ENOSPC


class NotAPoolError(PmemError, ValueError):
    """The file is no libpmemobj pool at all."""


class PoolLayoutError(PmemError, ValueError):
    """A libpmemobj pool, but one that another program laid out."""


class PoolVersionError(PoolLayoutError):
    """A pool of this package, of a layout version or with a feature that this release lacks."""


class PoolDamagedError(PmemError, OSError):
    """The contents of a pool contradict themselves."""

    errno_code = errno.EIO


class DumpFormatError(PmemError, ValueError):
    """A file that was to be restored is no whole dump."""


class BadPoolSizeError(PmemError, ValueError):
    """A pool size, or a limit of growth, that libpmemobj cannot make."""


class PoolClosedError(PmemError, ValueError):
    """The pool, or the pool of this object, is closed."""


class ForkedPoolError(PmemError, RuntimeError):
    """A child process touched a pool that its parent has open."""


class SandboxError(PmemError, RuntimeError):
    """Something that cannot be done with a pool whose changes stay in memory."""


class PoolFullError(PmemError, MemoryError):
    """The pool has no room left for an allocation."""


# ---- transactions ----------------------------------------------------------------------------


class TransactionError(PmemError, RuntimeError):
    """A transaction was used in a way that its state does not allow."""


class TransactionAborted(PmemError, OSError):
    """The transaction was rolled back; nothing more can be done inside it."""

    errno_code = errno.ECANCELED


class MissingSnapshotError(PmemError, AssertionError):
    """Checking mode: a transaction changed bytes that it had not snapshotted."""


# ---- objects ---------------------------------------------------------------------------------


class NotPersistableError(PmemError, TypeError):
    """A value of a type that cannot be stored in a pool."""


class BadFieldError(PmemError, ValueError):
    """A type code, a count or a value that typed memory cannot have."""


class InvalidHandleError(PmemError, ReferenceError):
    """The persistent object behind a Python object exists no longer."""


class BufferInUseError(PmemError, BufferError):
    """Memory was to move, change or go away that a memoryview, an array or another buffer still shows."""


class ClassNotFoundError(PmemError, LookupError):
    """The class of a stored object is not defined in this process."""


class TimeZoneNotFoundError(PmemError, LookupError):
    """The system has no data for the time zone of a stored value."""


class ClassRefusedError(PmemError, TypeError):
    """The stored class name belongs to something that is no Persistent class."""


class UnpicklingRefusedError(PmemError, TypeError):
    """A stored pickle names something that this program did not nominate."""
