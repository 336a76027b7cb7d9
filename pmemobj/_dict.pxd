# Types of the compiled form; the source is _dict.py.
from pmemobj._base cimport Persistent
from pmemobj._heap cimport Heap

cdef class PersistentDict(Persistent):
    pass
