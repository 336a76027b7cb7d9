# Types of the compiled form; the source is own_containers.py.
cimport cython
from pmemobj._containers.base cimport Persistent
from pmemobj._engine.consistent_reads cimport read_optimistically
from pmemobj._engine.heap cimport Heap, PoolLock
from pmemobj._objects.attributes cimport generic_get, is_data_descriptor, is_special
from pmemobj._objects.class_table cimport AttributeLayout, ClassTable
from pmemobj._values.words cimport decode, encode, free_leaf, replace

cdef unsigned long long WORD, ABSENT
cdef object _nothing
# The bytes of the containers of each kind without the words for attributes; 0 for kinds that have no attributes.
cdef unsigned long long _sizes[64]

@cython.locals(kind=cython.ulonglong, size=cython.ulonglong)
cdef unsigned long long place_of_slots(Heap heap, unsigned long long offset) except? 1
@cython.locals(
    at=cython.ulonglong, place=cython.ulonglong, layout=AttributeLayout, number=object,
)
cdef unsigned long long _slot_of(Heap heap, unsigned long long offset, name) except? 1
@cython.locals(head=cython.ulonglong, number=cython.ulonglong, table=ClassTable, found=AttributeLayout)
cdef AttributeLayout _layout(Heap heap, unsigned long long offset)
@cython.locals(handle=Persistent)
cdef bint _may_be_stored(self, name) except -1
@cython.locals(handle=Persistent, word=cython.ulonglong, at=cython.ulonglong)
cdef object _read(object owner, object name, object _two, long long _number)
@cython.locals(heap=Heap, at=cython.ulonglong, lock=PoolLock)
cdef bint _set_present(Persistent self, name, value) except -1
