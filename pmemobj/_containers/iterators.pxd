# Types of the compiled form; the source is iterators.py.
cimport cython
from pmemobj._containers.base cimport Persistent
from pmemobj._engine.consistent_reads cimport read_optimistically
from pmemobj._engine.heap cimport Heap
from pmemobj._hashtable.entries cimport count_live
from pmemobj._values.words cimport decode

cdef unsigned long long ABSENT, TABLE_ENTRIES, DICT_DELETED, DICT_USED, DICT_TABLE, ENTRY_KEY, ENTRY_VALUE, _NEVER

cdef class Walk:
    cdef Persistent _owner
    cdef unsigned long long _width, _table, _live, _left
    cdef long long _number, _direction
    # The state in which the step began.
    cdef unsigned long long _live_before, _left_before
    cdef long long _number_before
    cdef int _field
    cdef bint _ended
    cdef str _noun

    @cython.locals(
        heap=Heap, offset=cython.ulonglong, entry=cython.ulonglong, key_word=cython.ulonglong, used=cython.longlong
    )
    cdef _next(self)

@cython.locals(walk=Walk)
cdef object _read_next(object _owner, object one, object _two, long long _number)
