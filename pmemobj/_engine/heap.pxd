# Types of the compiled form; the source is heap.py.
cimport cython
from pmemobj._pmdk cimport calls
from pmemobj._engine.handle_table cimport HandleTable
from pmemobj._engine.lock cimport PoolLock, thread_id, thread_key
from pmemobj._engine.snapshots cimport SnapshotRanges
from pmemobj._engine.stores cimport LoggedStores

@cython.final
cdef class Heap(LoggedStores):
    cdef public HandleTable handles
    cdef public object resurrect, manager, types, exports, after_rollback, after_transaction
    cdef public bint is_trusted
    cdef public unsigned long long rebuilds
    cdef public Statement statement
    cdef bint _is_making_up
    cdef dict _noted

    cpdef handle(self, unsigned long long offset)
    @cython.locals(lock=PoolLock)
    cpdef begin(self)
    @cython.locals(lock=PoolLock, is_committed=cython.bint)
    cpdef end(self, error, bint undo)
    cdef _begin_outermost(self)
    cdef _commit(self)
    cdef _forget_fresh(self)

cdef class Statement:
    cdef Heap _heap
    cpdef enter(self)
    @cython.locals(heap=Heap, changed=cython.bint)
    cpdef leave(self, error)

cdef class Handle:
    cdef public Heap _p_heap
    cdef public unsigned long long _p_offset
    cdef object __weakref__

cpdef attach(Handle handle, Heap heap, unsigned long long offset)
