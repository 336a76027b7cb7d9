# Types of the compiled form; the source is list.py.
cimport cython

from pmemobj._engine.heap cimport Heap, PoolLock
from pmemobj._containers.sequence cimport StoredSequence
from pmemobj._engine.publication cimport Publication
from pmemobj._values.words cimport immediate, prepare, replace

cdef unsigned long long WORD, ABSENT, _LENGTH, _CAPACITY, _ITEMS

# So that `match` takes it for a sequence; registering with the ABC cannot mark a static type.
@cython.collection_type("sequence")
cdef class PersistentList(StoredSequence):
    cdef unsigned long long _first(self) except? 0
    @cython.locals(heap=Heap, lock=PoolLock, word=cython.ulonglong, length=cython.ulonglong)
    cdef bint _append_one(self, value) except -1
    @cython.locals(word=cython.ulonglong, length=cython.ulonglong, publication=Publication)
    cdef bint _append_leaf(self, Heap heap, value) except -1
    @cython.locals(length=cython.ulonglong, items=cython.ulonglong, counter=cython.ulonglong, end=cython.ulonglong)
    cdef bint _append_logged(self, Heap heap, unsigned long long word) except -1
    @cython.locals(heap=Heap, lock=PoolLock, at=cython.longlong, items=cython.ulonglong)
    cdef _set_item(self, index, value)
