"""The classes that a pool knows, and the names of their attributes.

The names of attributes stand once for each class, in a class record, which grows as instances get new attributes. The
records stand in the class table of the pool; the number in the header of an object says which record belongs to it.

`ClassTable` is this process's view of the table. What it keeps is read again after every roll-back, since a roll-back
may take back a name that has just been added.
"""

from __future__ import annotations

from pmemobj._containers.base import create
from pmemobj._containers.list import PersistentList
from pmemobj._engine.heap import Heap
from pmemobj._format import BLOCK_KINDS, BLOCK_OWNER, CONTAINER_KINDS, ROOT_CLASSES, kind_of, record_number
from pmemobj._former_names import current_name
from pmemobj._objects.class_names import stored_name
from pmemobj._values.words import decode, replace
from pmemobj.errors import PoolDamagedError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython


class FoundNames:
    """The slots of attributes that were read before, by the identity of the attribute names; used in the compiled form
    only.

    A name in a program is one str object, so it is found by its address, without hashing. The slot is valid as long as
    the class of the instance is unchanged, since a property may come to hide the stored attribute. So the version tag
    of the class is remembered too, a number of CPython's that is another one after each change of the class. And the
    slot is valid for objects of one class of the pool, which their headers tell.

    The slots lie in `places`, a C array in which `attributes` looks by itself.
    """

    def __init__(self) -> None:
        self._kept: dict[int, str] = {}

    def remember(self, name: str, tag: int, header: int, slot: int) -> None:
        """Let a name be found in objects with this header. A tag of 0 says that the class has none, so nothing is kept.
        """
        if cython.compiled and tag:
            place = place_of(name, tag)  # type: ignore[name-defined]  # noqa: F821
            self.places[place].name = 0  # type: ignore[attr-defined]
            self._kept[place] = name  # As long as it is kept, no other object has its address.
            self.places[place].tag = tag  # type: ignore[attr-defined]
            self.places[place].header = header  # type: ignore[attr-defined]
            self.places[place].slot = slot  # type: ignore[attr-defined]
            self.places[place].name = cython.cast(cython.ulonglong, cython.cast(cython.p_void, name))  # type: ignore[attr-defined]


class AttributeLayout:
    """One class record: the name of a class, and the slot of each attribute name.

    The record of a class with fields (see `fields`) has the list of its fields, as bytes, instead of attribute names.
    """

    __slots__ = ("_heap", "_record", "fields", "name", "number", "slots")

    def __init__(self, heap: Heap, number: int, record: PersistentList) -> None:
        self._heap, self.number, self._record = heap, number, record
        if not isinstance(record, PersistentList) or not len(record) or type(record[0]) is not str:
            raise _bad_record(heap, number)
        self.name = str(record[0])
        self.fields = record[1] if len(record) > 1 and isinstance(record[1], bytes) else None
        self.slots: dict[str, int] = {}
        self.reload()

    def reload(self) -> None:
        """Read the attribute names again."""
        # list() would allocate memory for as many names as the record claims to have.
        names = [name for name in self._record][1:] if self.fields is None else []  # noqa: C416
        if not all(type(name) is str for name in names):
            raise _bad_record(self._heap, self.number)
        # A new dict is made, since another thread may be using the old one.
        self.slots = {name: slot for slot, name in enumerate(names)}

    def slot_for(self, attribute: str) -> int:
        """The slot of an attribute name. A new name is added to the record."""
        slot = self.slots.get(attribute)
        if slot is None:
            name = str.__str__(attribute)  # The plain text of an instance of a subclass, such as a StrEnum.
            self._record.append(name)
            slot = self.slots[name] = len(self.slots)
        return slot


def _bad_record(heap: Heap, number: int) -> PoolDamagedError:
    return PoolDamagedError(
        f"find class number {number} in {heap.name}",
        "its record is no list of a class name and attribute names",
        "restore the pool from a copy",
    )


class ClassTable:
    """The classes that a pool knows; made when the pool is opened.

    Args:
        heap: The open pool.
    """

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        #: The layouts by class number; None for those that have not been read yet.
        self.layouts: list[AttributeLayout | None] = []
        heap.after_rollback.append(self.reload)
        self.reload()

    def reload(self) -> None:
        """Read again what is kept here, so that it agrees with the pool."""
        self.found = FoundNames()
        records = self._records()
        known = len(records) if records is not None else 0
        del self.layouts[known:]
        for layout in self.layouts:
            if layout is not None:
                layout.reload()

    def _records(self) -> PersistentList | None:
        table: PersistentList | None = decode(self._heap, self._heap.read(self._heap.root_offset + ROOT_CLASSES))
        if table is not None and not isinstance(table, PersistentList):
            raise PoolDamagedError(
                f"find the classes of {self._heap.name}", "they are no list", "restore the pool from a copy"
            )
        return table

    @property
    def count(self) -> int:
        """How many classes there are."""
        records = self._records()
        return 0 if records is None else len(records)

    def layout(self, number: int) -> AttributeLayout:
        """The layout for class number `number`.

        Raises:
            PoolDamagedError: the pool has no such class.
        """
        layouts = self.layouts
        found = layouts[number] if number < len(layouts) else None
        if found is None:
            version = self._heap.version
            records = self._records()
            if records is None or number >= len(records):
                raise PoolDamagedError(
                    f"find class number {number} in {self._heap.name}",
                    "the pool's class table has no such entry",
                    "restore the pool from a copy",
                )
            found = AttributeLayout(self._heap, number, records[number])
            while len(layouts) <= number:
                layouts.append(None)
            layouts[number] = found
            if not self._heap.still_valid(version) and not self._heap.in_transaction():
                # Another thread may have rolled the record back meanwhile, so it is not kept but read again next time.
                layouts[number] = None
        return found

    def title(self, offset: int, kind: int) -> str:
        """The name of the class that an allocation belongs to, for messages; empty if the allocation does not tell."""
        heap = self._heap
        owner = heap.read(offset + BLOCK_OWNER) if kind in BLOCK_KINDS else offset
        if not owner or kind_of(heap.read(owner)) not in CONTAINER_KINDS or record_number(heap.read(owner)) < 0:
            return ""
        try:
            return self.layout(record_number(heap.read(owner))).name.partition(":")[2]
        except PoolDamagedError:
            return ""

    def number_of(self, cls: type, fields: bytes | None = None) -> int:
        """The number of a class. A new class gets a record, so this is called inside a transaction.

        Args:
            cls: The class.
            fields: The list of its fields for a class with fields; None for a class with attributes.
        """
        name = stored_name(cls)
        records = self._records()
        count = 0 if records is None else len(records)
        for number in range(count):
            layout = self.layout(number)
            if current_name(layout.name) == name and layout.fields == fields:
                return number
        if records is None:
            records = create(self._heap, PersistentList, (), {})
            replace(self._heap, self._heap.root_offset + ROOT_CLASSES, records)
        record = (name,) if fields is None else (name, fields)
        records.append(create(self._heap, PersistentList, (record,), {}))
        return count
