# Types of the compiled form; the source is _object.py.
from pmemobj._base cimport Persistent
from pmemobj._heap cimport Heap

cdef extern from "Python.h":
    int generic_set "PyObject_GenericSetAttr"(object instance, object name, object value) except -1
    int generic_delete "PyObject_GenericSetAttr"(object instance, object name, void *null) except -1

cdef class StoredAttributes(Persistent):
    pass

cdef object _nothing
cpdef _stored(StoredAttributes self, name)
