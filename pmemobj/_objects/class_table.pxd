# Types of the compiled form; the source is class_table.py.
cimport cython

from pmemobj._engine.heap cimport Heap
from pmemobj._values.words cimport decode, replace

# The address of a name, the version tag of a class, the header of an object (without its stamp), and the slot that the
# attribute has in such objects.
cdef struct Found:
    unsigned long long name, tag, header, slot

# Which element of the array belongs to a name. The addresses of short texts are multiples of 64 apart.
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
