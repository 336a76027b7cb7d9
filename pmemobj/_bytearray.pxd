# Types of the compiled form; the source is _bytearray.py.
from pmemobj._bytes_methods cimport BytesLike
from pmemobj._heap cimport Heap

cdef class PersistentByteArray(BytesLike):
    pass
