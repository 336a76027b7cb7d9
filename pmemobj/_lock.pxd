# Types of the compiled form; the source is _lock.py.
cimport cython

cdef extern from "Python.h":
    unsigned long this_thread "PyThread_get_thread_ident"()

@cython.final
cdef class PoolLock:
    cdef unsigned long _owner
    cdef long _count, _waiting
    cdef object _gate, _name

    @cython.locals(me=cython.ulong)
    cpdef bint acquire(self, double timeout=*) except -1
    cdef bint _wait(self, double timeout) except -1
    @cython.locals(left=cython.double)
    cdef bint _wait_until(self, double deadline) except -1
    cpdef release(self)
    cpdef bint _is_owned(self)
