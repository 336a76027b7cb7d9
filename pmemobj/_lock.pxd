# Types of the compiled form; the source is _lock.py.
cimport cython

cdef extern from "Python.h":
    unsigned long this_thread "PyThread_get_thread_ident"()

@cython.final
cdef class HeapLock:
    cdef unsigned long _owner
    cdef long _count, _waiting
    cdef object _gate

    @cython.locals(me=cython.ulong)
    cpdef acquire(self)
    cdef _wait(self)
    cpdef release(self)
    cpdef bint _is_owned(self)
