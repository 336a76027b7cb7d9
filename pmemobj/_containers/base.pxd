# Types of the compiled form; the source is base.py.
cimport cython
from pmemobj._engine.heap cimport Handle, Heap

cdef extern from *:
    """
    /* Let a type that was made in C have an attribute, as setattr would if it could change such types. */
    static int set_in_type(PyObject *type, PyObject *name, PyObject *value) {
    #if PY_VERSION_HEX >= 0x030C0000
        PyObject *names = PyType_GetDict((PyTypeObject *)type);
    #else
        PyObject *names = Py_XNewRef(((PyTypeObject *)type)->tp_dict);
    #endif
        int failed = names == NULL ? -1 : PyDict_SetItem(names, name, value);
        Py_XDECREF(names);
        PyType_Modified((PyTypeObject *)type);
        return failed;
    }
    """
    int set_in_type(object type, object name, object value) except -1

cdef class Persistent(Handle):
    pass

@cython.locals(head=cython.ulonglong)
cpdef kind_at(Heap heap, unsigned long long offset)
