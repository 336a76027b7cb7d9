# Types of the compiled form; the source is _classes.py.
cimport cython

from pmemobj._heap cimport Heap
from pmemobj._values cimport decode, replace

cdef struct Found:
    void *name
    unsigned long long tag, header, slot

# Where a name is looked for; without a call, since this is most of what reading an attribute takes.
cdef inline unsigned long long place_of(name, unsigned int tag) noexcept:
    cdef unsigned long long address = <unsigned long long><void *>name
    return (address >> 6 ^ tag) & 255

@cython.final
cdef class FoundNames:
    cdef list _kept
    cdef Found places[256]

    @cython.locals(place=cython.ulonglong)
    cdef remember(self, name, unsigned int tag, unsigned long long header, unsigned long long slot)

cdef class Shape:
    cdef public Heap _heap
    cdef public object _record, fields, name, number
    cdef public dict slots

cdef class ClassTable:
    cdef public Heap _heap
    cdef public list shapes
    cdef public FoundNames found
    cdef object __weakref__
