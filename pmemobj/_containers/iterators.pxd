# Types of the compiled form; the source is _walk.py.
cimport cython
from pmemobj._containers.base cimport Persistent
from pmemobj._engine.heap cimport Heap
from pmemobj._hashtable.entries cimport count_live
from pmemobj._values.words cimport decode

cdef unsigned long long ABSENT, TABLE_ENTRIES, DICT_DELETED, DICT_USED, DICT_TABLE, ENTRY_KEY, ENTRY_VALUE, _NEVER

cdef class Walk:
    cdef Persistent _owner
    cdef unsigned long long _width, _table, _live, _left
    cdef long long _number, _direction
    cdef int _field
    cdef bint _ended
    cdef str _noun

    @cython.locals(
        heap=Heap, offset=cython.ulonglong, entry=cython.ulonglong, key_word=cython.ulonglong, used=cython.longlong
    )
    cdef _next(self)
