# Types of the compiled form; the source is _sequence.py.
cimport cython

from pmemobj._base cimport Persistent
from pmemobj._values cimport decode

cdef unsigned long long WORD, _LENGTH

cdef class StoredSequence(Persistent):
    cpdef unsigned long long _first(self) except? 0
    cpdef list _words(self, chosen=*)
    @cython.locals(at=cython.longlong)
    cdef _item(self, index)
    @cython.locals(at=cython.longlong, length=cython.longlong)
    cpdef long long _position(self, index) except? -2

cdef class SequenceIterator:
    cdef StoredSequence _of
    cdef long long _at, _step
