# Types of the compiled form; the source is _public_names.py.
cdef extern from *:
    """
    #include <stdio.h>
    /* If `item` is a type that is not on the heap, let `module` be its module, and return 1. The name is never freed,
       since the type is not either. */
    static int rename_type(PyObject *item, const char *module) {
        PyTypeObject *type = (PyTypeObject *)item;
        const char *last;
        char *name;
        size_t size;
        if (!PyType_Check(item) || PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE))
            return 0;
        last = strrchr(type->tp_name, '.');
        last = last != NULL ? last + 1 : type->tp_name;
        size = strlen(module) + strlen(last) + 2;
        name = (char *)malloc(size);
        if (name == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        snprintf(name, size, "%s.%s", module, last);
        type->tp_name = name;
        return 1;
    }
    """
    int rename_type(object item, const char *module) except -1

cdef inline bint rename_extension_type(item, str module) except -1:
    return rename_type(item, module.encode())
