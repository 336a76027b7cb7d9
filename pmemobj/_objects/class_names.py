"""Classes by the names that pools store for them.

A pool stores the name of a class, ``module:qualname``, and never code. When an object is fetched, this module decides
which class of the process the name means: the class that `alias` gives, else the latest definition, else what the
module has under this name after it has been imported.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from pmemobj._containers.base import demand_storable
from pmemobj._engine.heap import Handle
from pmemobj._former_names import current_name
from pmemobj._public_names import public_in
from pmemobj.errors import ClassNotFoundError, a_or_an

#: The Persistent classes of this process by stored name. The latest definition counts.
_definitions: dict[str, type] = {}
#: The classes that were given to `alias`, by the old name with dots only.
_aliases: dict[str, type] = {}

#: Top-level modules in which no program defines classes.
_NOBODYS = ("builtins", "pmemobj")

#: Functions that are called with a stored name, with dots only, when the name means another class from now on.
on_definition: list[Callable[[str], None]] = []


def stored_name(cls: type) -> str:
    """The name that a pool stores for a class: ``module:qualname``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def define(cls: type) -> None:
    """Register a class of a program when it is defined.

    Raises:
        NotPersistableError: its objects cannot lie in a pool.
    """
    demand_storable(cls)
    register(cls)


def register(cls: type) -> None:
    """From now on the stored name of `cls` means this class."""
    name = stored_name(cls)
    _definitions[name] = cls
    _tell(_dotted(name))


@public_in("pmemobj")
def alias(old_name: str, cls: type) -> None:
    """Let objects that were stored under an old name of a class be found as instances of `cls`.

    Use it for a class that was renamed or has moved to another module. An alias holds for this process only, so the
    call belongs beside the class. Objects keep the old name in the pool; new objects get the new name.

    Args:
        old_name: The former name of the class, as ``module:qualname`` or ``module.qualname``.
        cls: The class that takes its place.

    Raises:
        TypeError: `cls` is not derived from PersistentObject or Persistent, or the old name is known as that of a class
            which is derived from the other of the two.
        ValueError: `old_name` has no module, or no class of a program can have had this name.

    Durability: none, the pool does not change.
    Cost: constant.

    Example::

        import pmemobj

        class Player(pmemobj.PersistentObject):
            pass

        pmemobj.alias("game:Guesser", Player)  # objects that were stored as Guesser of the module game
    """
    if cls not in _definitions.values():
        raise TypeError(
            f"cannot give {cls!r} the alias {old_name}: it is no Persistent class of one's own "
            "(derive it from PersistentObject or Persistent)"
        )
    if not isinstance(old_name, str):
        raise TypeError(
            f"cannot give {cls.__qualname__} the alias {old_name!r}: it is no name "
            "(write the old name as the pool knows it, 'module:name')"
        )
    name = _dotted(old_name)
    if "." not in name.strip("."):
        raise ValueError(f"cannot give {cls.__qualname__} the alias {old_name!r}: it has no module (write module:name)")
    if name.partition(".")[0] in _NOBODYS:
        raise ValueError(
            f"cannot give {cls.__qualname__} the alias {old_name!r}: no class of a program was ever stored under it "
            "(write the old name of the class, as 'module:name')"
        )
    known: Any = next((known for stored, known in _definitions.items() if _dotted(stored) == name), cls)
    own: Any = cls
    if known._p_kind != own._p_kind:
        raise TypeError(
            f"cannot give {cls.__qualname__} the alias {old_name!r}: objects of one have attributes, of the other "
            "fields (derive both from PersistentObject, or both from Persistent)"
        )
    _aliases[name] = cls
    _tell(name)


def _dotted(name: str) -> str:
    return name.replace(":", ".")


def _tell(name: str) -> None:
    for listener in on_definition:
        listener(name)


def defined_class(name: str) -> type | None:
    """The class with a stored name, if it is defined already. Nothing is imported."""
    found = (_aliases.get(_dotted(name)) if _aliases else None) or _definitions.get(name)
    return found or _definitions.get(current_name(name))


def is_alias(name: str) -> bool:
    """Whether `alias` decides what a stored name means."""
    return _dotted(name) in _aliases


def find_class(name: str) -> Any:
    """The object with a stored name: a class that is already defined, or what its module has under the name once it is
        imported.

    Returns:
        Only a candidate, which may be any object; None if there is none.
    """
    found: Any = defined_class(name)
    if found is None:
        module, _, qualname = name.partition(":")
        found = _import(module, qualname)
    return found


def _import(module: str, qualname: str) -> Any:
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


def shown_name(name: str) -> str:
    """The name of a class in pictures: its qualified name, with a note if it is not defined."""
    cls = defined_class(name)
    return cls.__qualname__ if cls is not None else f"class {name.partition(':')[2]} (not defined yet)"


def class_missing(what: str, pool: str, name: str) -> ClassNotFoundError:
    """The error for a change of an object whose class is not defined.

    Args:
        what: The change.
        pool: The name of the pool.
        name: The stored name of the class.
    """
    module, _, qualname = name.partition(":")
    return ClassNotFoundError(
        f"{what} of {a_or_an(qualname)} of {pool}",
        f"class {qualname} of module {module} is not defined, so this is a read-only stand-in",
        "define or import the class, or name its successor with pmemobj.alias, then fetch the object again",
    )


def is_own(cls: Any, base: type) -> bool:
    """Whether `cls` is derived from `base` and can be the class of a stored object."""
    return isinstance(cls, type) and issubclass(cls, base) and issubclass(cls, Handle)
