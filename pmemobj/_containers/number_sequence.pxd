# Types of the compiled form; the source is number_sequence.py.
cimport cython

from pmemobj._containers.buffer cimport Buffer
from pmemobj._engine.heap cimport Heap

cdef class NumberSequence(Buffer):
    pass

cdef class NumberIterator:
    cdef NumberSequence _of
    cdef Heap _heap
    cdef list _read
    cdef Py_ssize_t _next_of
    cdef long long _at, _step, _many
    cdef unsigned long long _version

    @cython.locals(of=NumberSequence, length=cython.longlong)
    cdef _fill(self)
