# Types of the compiled form; the source is _sequence.py.
cimport cython

from pmemobj._base cimport Persistent
from pmemobj._heap cimport Heap
from pmemobj._values cimport decode, long_long_of

cdef unsigned long long WORD, ABSENT, IMMEDIATE_BITS, _LENGTH
cdef object _beyond

cdef class StoredSequence(Persistent):
    cpdef unsigned long long _first(self) except? 0
    cpdef list _words(self, chosen=*)
    @cython.locals(overflow=cython.int, number=cython.longlong, word=cython.ulonglong)
    cdef _item(self, index)
    @cython.locals(heap=Heap, at=cython.longlong, length=cython.longlong, word=cython.ulonglong)
    cdef unsigned long long _simple_word(self, long long number) except? 0xFEFEFEFEFEFEFEFE
    @cython.locals(at=cython.longlong, length=cython.longlong)
    cpdef long long _position(self, index) except? -2
    @cython.locals(heap=Heap, length=cython.longlong, at=cython.longlong)
    cpdef _value(self, long long number)
    @cython.locals(heap=Heap, version=cython.ulonglong)
    cdef _fetch(self, long long number)

cdef class SequenceIterator:
    cdef StoredSequence _of
    cdef long long _at, _step

    @cython.locals(of=StoredSequence, at=cython.longlong, word=cython.ulonglong)
    cdef _next(self)
