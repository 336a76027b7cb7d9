# Types of the compiled form; the source is _object.py.
from pmemobj._base cimport Persistent
from pmemobj._classes cimport ClassTable, FoundNames, Shape
from pmemobj._heap cimport Heap

cimport cython
from pmemobj._heap cimport PoolLock
from pmemobj._values cimport decode, encode, replace

cdef extern from "Python.h":
    int generic_set "PyObject_GenericSetAttr"(object instance, object name, object value) except -1
    int generic_delete "PyObject_GenericSetAttr"(object instance, object name, void *null) except -1
    object generic_get "PyObject_GenericGetAttr"(object instance, object name)

cdef extern from *:
    """
    /* What object.__getattribute__ asks first; the interpreter remembers the answers. */
    static int has_data_descriptor(PyObject *cls, PyObject *name) {
        PyObject *found = _PyType_Lookup((PyTypeObject *)cls, name);
        return found != NULL && Py_TYPE(found)->tp_descr_set != NULL;
    }
    /* A number that changes with every change of the type; 0 while it has none. */
    static unsigned int version_tag(PyObject *instance) {
        return Py_TYPE(instance)->tp_version_tag;
    }
    """
    bint has_data_descriptor(object cls, object name)
    unsigned int version_tag(object instance)

cdef unsigned long long WORD, ABSENT, IMMEDIATE_BITS, _CAPACITY, _SLOTS

cdef class StoredAttributes(Persistent):
    pass

@cython.locals(heap=Heap, offset=cython.ulonglong, lock=PoolLock, at=cython.ulonglong, word=cython.ulonglong)
cdef _set_stored(StoredAttributes self, name, value)
@cython.locals(number=cython.ulonglong)
cdef unsigned long long _slot_of(Heap heap, unsigned long long offset, name) except? 1
@cython.locals(head=cython.ulonglong, table=ClassTable, number=cython.ulonglong, shapes=list)
cpdef Shape _shape(Heap heap, unsigned long long offset)
@cython.locals(text=str)
cdef bint _is_special(name) except -1
cpdef bint _is_data_descriptor(cls, name) except -1
cdef object _nothing
@cython.locals(
    heap=Heap, table=ClassTable, offset=cython.ulonglong, number=cython.ulonglong, shapes=list, shape=Shape,
    slot=cython.longlong, row=cython.ulonglong, lock=PoolLock,
)
cdef bint _set_quickly(StoredAttributes self, name, value) except -1
@cython.locals(tag=cython.uint, slot=cython.longlong)
cdef long long _quick_slot(Shape shape, instance, name) except -2
@cython.locals(
    heap=Heap, table=ClassTable, offset=cython.ulonglong, number=cython.ulonglong, shapes=list, shape=Shape,
    slot=cython.longlong, word=cython.ulonglong,
)
cdef unsigned long long _quick_word(StoredAttributes self, name) except? 0xFEFEFEFEFEFEFEFE
@cython.locals(heap=Heap, version=cython.ulonglong)
cdef _read_stored(StoredAttributes self, name)
@cython.locals(heap=Heap, at=cython.ulonglong, word=cython.ulonglong)
cpdef _stored(StoredAttributes self, name)
