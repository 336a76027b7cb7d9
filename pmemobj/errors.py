"""Every error that the package raises. Each message has three parts: what failed, why, and what to do.

A message reads ``cannot {what}: {why} ({what to do})``. Each class is a `PmemError`. Where a builtin exception fits,
the class is derived from it too, so that a program may catch either.
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
    "DurabilityError",
    "ForkedPoolError",
    "InvalidHandleError",
    "LibraryError",
    "MissingSnapshotError",
    "NotAPoolError",
    "NotDurableError",
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
    """A noun with its article, for names of types in messages: ``a dict``, ``an Account``."""
    return f"{'an' if noun.startswith(tuple('aeioAEIO')) else 'a'} {noun}"


class PmemError(Exception):
    """An operation of this package failed.

    Args:
        what: The operation that failed, with its object, numbers and units; it follows the word "cannot".
        why: The reason, in the words of the system or of libpmemobj where these help.
        todo: What the user can do about it; may be empty.

    Attributes:
        what, why, todo: The three parts, for programs that display them in their own way.
    """

    #: The errno, for the subclasses that are also an `OSError`.
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
    """libpmemobj is not installed, or its version is too old."""


# ---- pools -----------------------------------------------------------------------------------


class PoolExistsError(PmemError, FileExistsError):
    """A pool cannot be created, because there is a file of its name."""

    errno_code = errno.EEXIST


class PoolNotFoundError(PmemError, FileNotFoundError):
    """There is no pool at the path, or no directory for a new one."""

    errno_code = errno.ENOENT


class PoolIsDirectoryError(PmemError, IsADirectoryError):
    """The path is that of a directory that is no growing pool."""

    errno_code = errno.EISDIR


class PoolPermissionError(PmemError, PermissionError):
    """The program has no permission to read and write the file or its directory."""

    errno_code = errno.EACCES


class PoolBusyError(PmemError, BlockingIOError):
    """The pool is open already, in this process or in another; the message names the process if the system tells it."""

    errno_code = errno.EAGAIN


class PoolAccessError(PmemError, OSError):
    """The system refuses the file for a reason that has no class of its own here; ``errno`` tells which."""


class OtherPoolError(PmemError, ValueError):
    """An object, or the file of a suspended pool, belongs to another pool than the operation expects."""


class DiskFullError(PmemError, OSError):
    """The file system has no space for a new pool."""

    errno_code = errno.ENOSPC


class NotDurableError(PmemError, OSError):
    """The disk has failed while a commit was made durable, so nobody knows whether it is."""

    errno_code = errno.EIO


class DurabilityError(PmemError, ValueError):
    """The pool cannot have this durability, or not in this place."""


class NotAPoolError(PmemError, ValueError):
    """The file is no libpmemobj pool."""


class PoolLayoutError(PmemError, ValueError):
    """The file is a libpmemobj pool of another program."""


class PoolVersionError(PoolLayoutError):
    """The pool was made by another release, with a layout version or a feature that this release does not know."""


class PoolDamagedError(PmemError, OSError):
    """The contents of the pool contradict themselves."""

    errno_code = errno.EIO


class DumpFormatError(PmemError, ValueError):
    """The file to be restored is no complete dump."""


class BadPoolSizeError(PmemError, ValueError):
    """libpmemobj cannot make a pool of this size, or with this limit of growth."""


class PoolClosedError(PmemError, ValueError):
    """The pool, or the pool of the object, is closed."""


class ForkedPoolError(PmemError, RuntimeError):
    """A child process used a pool that its parent process has open."""


class SandboxError(PmemError, RuntimeError):
    """The operation is not possible in a sandbox, where the changes stay in memory."""


class PoolFullError(PmemError, MemoryError):
    """The pool has no free memory that is large enough for an allocation."""


# ---- transactions ----------------------------------------------------------------------------


class TransactionError(PmemError, RuntimeError):
    """The state of the transaction does not allow the operation."""


class TransactionAborted(PmemError, OSError):
    """The transaction was rolled back, and can only be ended."""

    errno_code = errno.ECANCELED


class MissingSnapshotError(PmemError, AssertionError):
    """In the checking mode: a transaction changed bytes of which it had taken no snapshot."""


# ---- objects ---------------------------------------------------------------------------------


class NotPersistableError(PmemError, TypeError):
    """A value has a type that cannot be stored in a pool."""


class BadFieldError(PmemError, ValueError):
    """Typed memory cannot have this type code, count or value."""


class InvalidHandleError(PmemError, ReferenceError):
    """The persistent object that a handle stands for no longer exists."""


class BufferInUseError(PmemError, BufferError):
    """The memory cannot be moved, changed or freed while a memoryview, an array or another buffer shows it."""


class ClassNotFoundError(PmemError, LookupError):
    """The class of a stored object is not defined in this process."""


class TimeZoneNotFoundError(PmemError, LookupError):
    """The system has no data for the time zone of a stored value."""


class ClassRefusedError(PmemError, TypeError):
    """The stored class name belongs to something that is no persistent class."""


class UnpicklingRefusedError(PmemError, TypeError):
    """A stored pickle names something that this program has not nominated with `persist_via_pickle`."""
