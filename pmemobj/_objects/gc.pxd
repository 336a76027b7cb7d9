# Types of the compiled form; the source is gc.py.
cimport cython
from pmemobj._containers.base cimport kind_at
from pmemobj._engine.heap cimport Heap

cdef class Marks:
    cdef bytearray _bits
    cdef unsigned long long _count, _limit

    @cython.locals(unit=cython.ulonglong, bit=cython.uchar, byte=cython.uchar)
    cpdef bint add(self, unsigned long long offset) except -1

@cython.locals(offset=cython.ulonglong, turns=cython.ulonglong)
cpdef Marks mark(Heap heap, words, Marks reached=*, list containers=*, report=*)

@cython.locals(word=cython.ulonglong, tag=cython.ulonglong)
cdef _mark_words(Heap heap, words, Marks marks, list waiting)

@cython.locals(offset=cython.ulonglong, kind=cython.ulonglong)
cdef _unreached(Heap heap, Marks marks)
