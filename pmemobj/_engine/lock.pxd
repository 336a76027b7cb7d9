# Types of the compiled form; the source is lock.py.
cimport cython

cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        pass
    PyThreadState *this_thread "PyThreadState_Get"()
    unsigned long long id_of "PyThreadState_GetID"(PyThreadState *state)

ctypedef unsigned long long thread_id

cpdef me()
cpdef thread_id thread_key() noexcept

@cython.final
cdef class PoolLock:
    cdef thread_id _holder
    cdef long _count
    cdef list _queue
    cdef object _then
    cdef public object name, owner

    @cython.locals(key=thread_id)
    cpdef bint acquire(self, double timeout=*) except -1
    cdef bint _wait(self, thread_id key, double timeout) except -1
    cdef _wait_watchfully(self, gate)
    cpdef bint acquire_soon(self) except -1
    cpdef release(self)
    cpdef bint when_released(self, then)
    cpdef release_all(self)
