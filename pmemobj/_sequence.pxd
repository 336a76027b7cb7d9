# Types of the compiled form; the source is _sequence.py.
from pmemobj._base cimport Persistent

cdef class StoredSequence(Persistent):
    cpdef unsigned long long _first(self) except? 0
    cpdef list _words(self, chosen=*)
    cpdef long long _position(self, index) except? -2

cdef class SequenceIterator:
    cdef StoredSequence _of
    cdef long long _at, _step
