# Types of the compiled form; the source is _classes.py.
cimport cython

from pmemobj._heap cimport Heap
from pmemobj._values cimport decode, replace

@cython.final
cdef class FoundNames:
    cdef list _kept
    cdef void *_names[16]
    cdef unsigned int _tags[16]
    cdef long long _slots[16]

    # The slot of a name, or -1.
    cdef inline long long slot_of(self, name, unsigned int tag) noexcept:
        cdef unsigned long long place = (<unsigned long long><void *>name) >> 5 & 15
        if self._names[place] != <void *>name or self._tags[place] != tag:
            return -1
        return self._slots[place]

    @cython.locals(place=cython.ulonglong)
    cdef remember(self, name, unsigned int tag, long long slot)

cdef class Shape:
    cdef public FoundNames found
    cdef public Heap _heap
    cdef public object _record, fields, name, number
    cdef public dict slots

cdef class ClassTable:
    cdef public Heap _heap
    cdef public list shapes
    cdef object __weakref__
