# Types of the compiled form; the source is _array.py.
from pmemobj._buffer cimport Buffer
from pmemobj._heap cimport Heap

cdef class PersistentArray(Buffer):
    pass
