# Types of the compiled form; the source is _lock.py.

cdef class PoolLock:
    cdef object _lock
    cdef str _name
    cdef public object owner

cpdef me()
