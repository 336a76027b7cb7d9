# Types of the compiled form; the source is _sequence.py.
cimport cython
from pmemobj._base cimport Persistent
from pmemobj._heap cimport Heap
from pmemobj._values cimport decode

cdef class StoredSequence(Persistent):
    cpdef unsigned long long _first(self) except? 0
    cpdef list _words(self, chosen=*)
    cpdef long long _position(self, index) except? -2
    cpdef _value(self, number)
    @cython.locals(version=cython.ulonglong)
    cdef _fetch(self, number)

cdef class SequenceIterator:
    cdef StoredSequence _of
    cdef long long _at, _step
