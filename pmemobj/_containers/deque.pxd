# Types of the compiled form; the source is deque.py.
cimport cython

from pmemobj._containers.comparable cimport Comparable
from pmemobj._engine.consistent_reads cimport read_optimistically
from pmemobj._engine.heap cimport Heap, PoolLock
from pmemobj._engine.publication cimport Publication
from pmemobj._values.words cimport decode, duplicate, encode, free_leaf, immediate, is_leaf, prepare, replace

cdef unsigned long long WORD, ABSENT, TAG_LEAF, _STATE, _CAPACITY, _ITEMS, _MAXLEN, _HALF, _LOWER, _MAX_SPARSE
cdef object _beyond

# The flag by which `match` knows a sequence: an extension type must bring it along.
@cython.collection_type("sequence")
cdef class PersistentDeque(Comparable):
    @cython.locals(heap=Heap, count=cython.ulonglong)
    cdef unsigned long long _count(self) except? 0xFFFFFFFF
    @cython.locals(heap=Heap, capacity=cython.ulonglong, at=cython.ulonglong)
    cdef unsigned long long _place(self, unsigned long long number) except? 1
    cdef object _number(self, index)
    @cython.locals(count=cython.longlong, at=cython.longlong)
    cdef object _value(self, long long number)
    @cython.locals(
        heap=Heap, lock=PoolLock, word=cython.ulonglong, count=cython.ulonglong, limit=cython.ulonglong,
        slot=cython.ulonglong, state=cython.ulonglong, gone=cython.ulonglong, drops=cython.bint, publication=Publication,
    )
    cdef bint _add_at_once(self, value, bint left) except -1
    @cython.locals(heap=Heap, items=cython.ulonglong)
    cdef bint _add_logged(self, unsigned long long slot, unsigned long long word, unsigned long long state) except -1
    @cython.locals(heap=Heap, capacity=cython.ulonglong, first=cython.ulonglong)
    cdef unsigned long long _state_after(self, long long step, unsigned long long count) except? 1
    @cython.locals(
        heap=Heap, lock=PoolLock, word=cython.ulonglong, count=cython.ulonglong, changes=cython.ulonglong,
    )
    cdef object _take(self, bint left)
    @cython.locals(heap=Heap, capacity=cython.ulonglong, is_sparse=cython.bint, publication=Publication)
    cdef _drop(self, unsigned long long word, unsigned long long state, unsigned long long count)

@cython.locals(of=PersistentDeque)
cdef object _read_item(object owner, object _one, object _two, long long number)

cdef class DequeIterator:
    cdef PersistentDeque _of
    cdef unsigned long long _state
    cdef long long _at, _step

    @cython.locals(value=object)
    cdef object _next(self, PersistentDeque of)

@cython.locals(iterator=DequeIterator)
cdef object _read_next(object owner, object one, object _two, long long _number)
