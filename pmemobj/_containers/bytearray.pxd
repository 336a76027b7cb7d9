# Types of the compiled form; the source is bytearray.py.
from pmemobj._containers.bytes_methods cimport BytesLike
from pmemobj._engine.heap cimport Heap

cdef class PersistentByteArray(BytesLike):
    pass
