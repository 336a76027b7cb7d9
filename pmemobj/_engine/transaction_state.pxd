# Types of the compiled form; the source is transaction_state.py.
cimport cython
from pmemobj._engine.lock cimport PoolLock, thread_id, thread_key
from pmemobj._engine.mapping cimport MappedPool

cdef class TransactionState(MappedPool):
    cdef public PoolLock lock
    cdef public thread_id _owner
    cdef public long depth
    cdef public object doomed, observer, journal, on_change
    cdef object _task, _strayed
    cdef public list _marks
    cdef public unsigned long long changes
    cdef public bint may_have_garbage
    cdef long _changing_level
    cdef public unsigned long long snapshots, logged, persists, published

    # What every change does, as part of the caller; the .py says what each is for.
    cdef inline int _demand_transaction(self) except -1:
        if self._owner != thread_key() or self._strayed is not None or self.doomed is not None:
            self._refuse_transaction()
        return 0

    cdef inline int _demand_same_task(self) except -1:
        if self._task is not None:
            self._refuse_other_task()
        return 0

    cdef inline void _count_change(self) noexcept:
        self.changes += 1
        self.may_have_garbage = True

    cdef inline void _begin_change(self) noexcept:
        if not self.version & 1:
            self._changing_level = len(self._marks)
            self.version += 1

    cdef inline void _end_change(self) noexcept:
        if self.version & 1:
            self.version += 1

    cdef inline int _tell_change(self) except -1:
        if not self._marks:
            self._end_change()
        if self.on_change is not None:
            self.on_change()
        return 0

    cdef _refuse_transaction(self)
    cdef _refuse_other_task(self)
    cpdef bint in_transaction(self)
