# Types of the compiled form; the source is _bytes_methods.py.
from pmemobj._buffer cimport Buffer

cdef class BytesLike(Buffer):
    pass
