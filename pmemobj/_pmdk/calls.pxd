# Types of the compiled form; the source is calls.py.
cdef extern from "errno.h":
    int last_error "errno"

ctypedef struct oid:
    unsigned long long pool_uuid_lo
    unsigned long long off

ctypedef void (*persist_function)(void *pop, const void *address, size_t size) noexcept nogil
ctypedef void (*drain_function)(void *pop) noexcept nogil
ctypedef int (*begin_function)(void *pop, void *env, ...) noexcept nogil
ctypedef void (*plain_function)() noexcept nogil
ctypedef void (*abort_function)(int code) noexcept nogil
ctypedef int (*code_function)() noexcept nogil
ctypedef int (*add_function)(const void *address, size_t size, unsigned long long flags) noexcept nogil
ctypedef oid (*alloc_function)(size_t size, unsigned long long kind, unsigned long long flags) noexcept nogil
ctypedef oid (*reserve_function)(
    void *pop, void *action, size_t size, unsigned long long kind, unsigned long long flags) noexcept nogil
ctypedef void (*set_function)(
    void *pop, void *action, unsigned long long *word, unsigned long long value) noexcept nogil
ctypedef void (*defer_function)(void *pop, oid which, void *action) noexcept nogil
ctypedef int (*publish_function)(void *pop, void *actions, size_t count) noexcept nogil
ctypedef void (*cancel_function)(void *pop, void *actions, size_t count) noexcept nogil
ctypedef int (*free_function)(oid which, unsigned long long flags) noexcept nogil

cdef persist_function _persist
cdef persist_function _flush
cdef drain_function _drain
cdef begin_function _tx_begin
cdef plain_function _tx_commit
cdef abort_function _tx_abort
cdef code_function _tx_end
cdef code_function _tx_stage
cdef add_function _tx_add
cdef alloc_function _tx_alloc
cdef free_function _tx_free
cdef reserve_function _reserve
cdef set_function _set_value
cdef defer_function _defer_free
cdef publish_function _publish
cdef cancel_function _cancel
cdef unsigned long long _NO_ABORT, _NO_SNAPSHOT
cdef int _STAGE_WORK, _STAGE_NONE, _CANCELED

cdef unsigned long long _address(str name) except 0
cpdef persist(unsigned long long pop, unsigned long long address, unsigned long long size, bint slow)
cpdef flush(unsigned long long pop, unsigned long long address, unsigned long long size)
cpdef drain(unsigned long long pop)
cpdef bint in_transaction()
cpdef begin(unsigned long long pop)
cpdef commit(bint slow)
cpdef abort()
cpdef snapshot(unsigned long long address, unsigned long long size)
cpdef flush_at_commit(unsigned long long address, unsigned long long size)
cpdef unsigned long long alloc(
    unsigned long long size, unsigned long long kind, unsigned long long flags, unsigned long long class_id
) except? 0
cpdef free(unsigned long long pool_uuid, unsigned long long offset)
cpdef unsigned long long reserve(
    unsigned long long pop, unsigned long long action, unsigned long long size, unsigned long long kind,
    unsigned long long class_id
) except? 1
cpdef set_value(
    unsigned long long pop, unsigned long long action, unsigned long long address, unsigned long long value)
cpdef defer_free(
    unsigned long long pop, unsigned long long pool_uuid, unsigned long long offset, unsigned long long action)
cpdef publish(unsigned long long pop, unsigned long long actions, unsigned long long count, bint slow)
cpdef cancel(unsigned long long pop, unsigned long long actions, unsigned long long count)
