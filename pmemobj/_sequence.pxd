# Types of the compiled form; the source is _sequence.py.
from pmemobj._base cimport Persistent

cdef class StoredSequence(Persistent):
    cpdef unsigned long long _first(self) except? 0
    cpdef list _words(self, chosen=*)

cdef class SequenceIterator:
    cdef StoredSequence _of
    cdef long long _at, _step

cpdef long long position(index, long long length) except? -2
