# Types of the compiled form; the source is _classes.py.
cimport cython

from pmemobj._engine.heap cimport Heap
from pmemobj._values.words cimport decode, replace

# A name's address, its class, an object's header (of which the stamp does not count), and the slot.
cdef struct Found:
    unsigned long long name, tag, header, slot

# Which of the places is a name's. Addresses of short texts are multiples of 64 apart.
cdef inline unsigned long long place_of(name, unsigned int tag) noexcept:
    cdef unsigned long long address = <unsigned long long><void *>name
    return (address >> 6 ^ tag) & 255

@cython.final
cdef class FoundNames:
    cdef dict _kept
    cdef Found places[256]

    @cython.locals(place=cython.ulonglong)
    cdef remember(self, name, unsigned int tag, unsigned long long header, unsigned long long slot)

cdef class AttributeLayout:
    cdef public Heap _heap
    cdef public object _record, fields, name, number
    cdef public dict slots

cdef class ClassTable:
    cdef public Heap _heap
    cdef public list layouts
    cdef public FoundNames found
    cdef object __weakref__
