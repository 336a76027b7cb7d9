# Types of the compiled form; the source is _buffer.py.
from cpython.buffer cimport PyObject_GetBuffer
from cpython.ref cimport Py_DECREF

from pmemobj._containers.comparable cimport Comparable
from pmemobj._engine.heap cimport Heap

ctypedef Py_buffer *buffer_request

cdef class Buffer(Comparable):
    pass

cdef class Writing:
    cdef Buffer _buffer
    cdef object _bounds, _copy, _start, _token, _transaction, _view

cpdef long long position(at, long long length, str complaint) except? -1
cdef _store_in_word(Heap heap, unsigned long long at, bytes data)
