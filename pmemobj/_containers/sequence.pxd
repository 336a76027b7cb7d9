# Types of the compiled form; the source is sequence.py.
cimport cython

from pmemobj._containers.comparable cimport Comparable
from pmemobj._engine.consistent_reads cimport is_half_changed, read_optimistically
from pmemobj._engine.heap cimport Heap
from pmemobj._values.words cimport decode

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030B0000
    #include <longintrepr.h>
    #endif

    /* The value of an int that has one digit inside the interpreter; for all others a number that is never an index. */
    static inline long long short_index(PyObject *index) {
    #if PY_VERSION_HEX >= 0x030C0000
        if (PyUnstable_Long_IsCompact((PyLongObject *)index)) return PyUnstable_Long_CompactValue((PyLongObject *)index);
    #else
        Py_ssize_t size = Py_SIZE(index);
        if (size == 1) return ((PyLongObject *)index)->ob_digit[0];
        if (size == -1) return -(long long)((PyLongObject *)index)->ob_digit[0];
        if (size == 0) return 0;
    #endif
        return LLONG_MIN;
    }
    """
    long long short_index(object index) noexcept

cdef unsigned long long WORD, IMMEDIATE_BITS, TUPLE_ITEMS, _LENGTH, _LIST_KIND
cdef object _beyond

# The first words of a list. Those of a tuple are the header and the length alone.
cdef struct _Head:
    unsigned long long header, length, capacity, items

# The word of the item at an index of the sequence at `offset`; `ABSENT` if there is no such item, or if another thread is
# in the middle of a change. This function calls nothing, counts no references and raises nothing. It takes the
# fields of the heap instead of the heap, since Cython would count a reference to that.
cdef inline unsigned long long _look(
    unsigned long long version, unsigned long long base, unsigned long long limit, unsigned long long offset,
    long long number
) noexcept:
    cdef _Head *head
    cdef unsigned long long at = <unsigned long long>number, items
    if is_half_changed(version) or offset + sizeof(_Head) > limit:
        return 0
    head = <_Head *><void *>(base + offset)
    items = head.items if head.header & 0xFF == _LIST_KIND else offset + TUPLE_ITEMS
    # All items must lie in the pool, so that no sum below overflows a word.
    if items > limit or head.length > (limit - items) >> 3:
        return 0
    if number < 0:
        at += head.length
    if at >= head.length:
        return 0
    return (<unsigned long long *><void *>(base + items))[at]

cdef class StoredSequence(Comparable):
    cdef unsigned long long _first(self) except? 0
    cpdef list _words(self, chosen=*)
    @cython.locals(number=cython.longlong)
    cdef _item(self, index)
    @cython.locals(at=cython.longlong, length=cython.longlong)
    cpdef long long _position(self, index) except? -2
    @cython.locals(heap=Heap, length=cython.longlong, at=cython.longlong)
    cdef _value(self, long long number)
    cdef _fetch(self, long long number)

@cython.locals(sequence=StoredSequence)
cdef object _read_item(object owner, object _one, object _two, long long number)

cdef class SequenceIterator:
    cdef StoredSequence _of
    cdef long long _at, _step

    @cython.locals(of=StoredSequence, at=cython.longlong)
    cdef _next(self)

cdef inline unsigned long long _quick_word(StoredSequence of, long long number) noexcept:
    return _look(of._p_heap.version, of._p_heap.base, of._p_heap.limit, of._p_offset, number)

# The word of the next item, or `ABSENT`.
cdef inline unsigned long long _next_word(SequenceIterator iterator) noexcept:
    if iterator._of is None or iterator._at < 0:
        return 0
    return _look(
        iterator._of._p_heap.version, iterator._of._p_heap.base, iterator._of._p_heap.limit, iterator._of._p_offset,
        iterator._at,
    )
