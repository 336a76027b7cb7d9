# Types of the compiled form; the source is attributes.py.
from pmemobj._containers.base cimport Persistent
from pmemobj._objects.class_table cimport ClassTable, Found, AttributeLayout, place_of
from pmemobj._engine.consistent_reads cimport is_half_changed, read_optimistically
from pmemobj._engine.heap cimport Heap

cimport cython
from pmemobj._engine.heap cimport PoolLock
from pmemobj._values.words cimport decode, encode, replace

cdef extern from "Python.h":
    int generic_set "PyObject_GenericSetAttr"(object instance, object name, object value) except -1
    int generic_delete "PyObject_GenericSetAttr"(object instance, object name, void *null) except -1
    object generic_get "PyObject_GenericGetAttr"(object instance, object name)

cdef extern from *:
    """
    /* Whether the class has a data descriptor with this name, which object.__getattribute__ looks for first. The
       interpreter caches the answers. */
    static int has_data_descriptor(PyObject *cls, PyObject *name) {
        PyObject *found = _PyType_Lookup((PyTypeObject *)cls, name);
        return found != NULL && Py_TYPE(found)->tp_descr_set != NULL;
    }
    /* A number of the type that is another one after every change of the type; 0 while the type has no number. */
    static unsigned int version_tag(PyObject *instance) {
        return Py_TYPE(instance)->tp_version_tag;
    }
    """
    bint has_data_descriptor(object cls, object name)
    unsigned int version_tag(object instance)

cdef unsigned long long WORD, ABSENT, IMMEDIATE_BITS, _CAPACITY, _SLOTS

cdef class StoredAttributes(Persistent):
    pass

cdef _attribute(StoredAttributes self, name)
@cython.locals(heap=Heap, offset=cython.ulonglong, lock=PoolLock, at=cython.ulonglong, word=cython.ulonglong)
cdef _set_stored(StoredAttributes self, name, value)
@cython.locals(number=cython.ulonglong)
cdef unsigned long long _slot_of(Heap heap, unsigned long long offset, name) except? 1
@cython.locals(number=cython.ulonglong, layouts=list)
cdef AttributeLayout _known_layout(ClassTable table, unsigned long long head)
@cython.locals(head=cython.ulonglong, table=ClassTable)
cpdef AttributeLayout _layout(Heap heap, unsigned long long offset)
@cython.locals(text=str)
cpdef bint is_special(name) except -1
cpdef bint is_data_descriptor(cls, name) except -1
cdef object _nothing

# The first words of an object.
cdef struct _Head:
    unsigned long long header, capacity, row

# The offset of the word of an attribute that was found before, or 0. Most of the time that it takes to read an attribute
# is spent here, so this function calls nothing, counts no references and raises nothing.
cdef inline unsigned long long _found_slot(StoredAttributes self, name) noexcept:
    cdef unsigned long long limit = self._p_heap.limit, offset = self._p_offset
    cdef unsigned int tag = version_tag(self)
    cdef _Head *head
    cdef Found *found
    if self._p_heap.types is None or offset + sizeof(_Head) > limit:
        return 0
    found = &(<ClassTable>self._p_heap.types).found.places[place_of(name, tag)]
    head = <_Head *><void *>(self._p_heap.base + offset)
    if found.name != <unsigned long long><void *>name or found.tag != tag or (head.header ^ found.header) << 24:
        return 0
    if found.slot >= head.capacity or head.row > limit or head.capacity > (limit - head.row) >> 3:
        return 0
    return head.row + 8 * found.slot

# The word of an attribute that was found before; `ABSENT` if it was not, or if another thread is in the middle of a
# change.
cdef inline unsigned long long _quick_word(StoredAttributes self, name) noexcept:
    cdef unsigned long long at
    if is_half_changed(self._p_heap.version):
        return 0
    at = _found_slot(self, name)
    if at == 0:
        return 0
    return (<unsigned long long *><void *>(self._p_heap.base + at))[0]

@cython.locals(lock=PoolLock, at=cython.ulonglong)
cdef bint _set_quickly(StoredAttributes self, name, value) except -1
@cython.locals(
    heap=Heap, table=ClassTable, head=cython.ulonglong, layout=AttributeLayout, slot=cython.longlong,
)
cdef unsigned long long _find_slot(StoredAttributes self, name) except? 1
cdef _read_stored(StoredAttributes self, name)
@cython.locals(self=StoredAttributes, heap=Heap, at=cython.ulonglong, word=cython.ulonglong)
cdef object _stored(object owner, object name, object _two, long long _number)
