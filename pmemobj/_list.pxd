# Types of the compiled form; the source is _list.py.
from pmemobj._base cimport Persistent
from pmemobj._heap cimport Heap

cdef class PersistentList(Persistent):
    pass
