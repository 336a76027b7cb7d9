# Types of the compiled form; the source is _sequence.py.
cimport cython

from pmemobj._base cimport Persistent
from pmemobj._heap cimport Heap
from pmemobj._values cimport decode, long_long_of

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030B0000
    #include <longintrepr.h>
    #endif

    /* The value of an int of one digit; of others, a number that is no index of anything. */
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

cdef unsigned long long WORD, ABSENT, IMMEDIATE_BITS, TUPLE_ITEMS, _LENGTH, _ITEMS
cdef unsigned long long _LIST, _KIND_BITS
cdef object _beyond

# How a list begins, and with the first two words a tuple.
cdef struct _Head:
    unsigned long long header, length, capacity, items

# The word of an item that needs no care, else `ABSENT`; of a sequence at `offset` of a heap with that version, base, limit.
#
# There is no item at that index, or another thread is just changing something, or making a value of the word is
# more than a moment of this thread's own, in which others could run. (A heap is not handed over as such, since Cython
# would count a reference to it.)
cdef inline unsigned long long _quick_word(
    unsigned long long version, unsigned long long base, unsigned long long limit, unsigned long long offset,
    long long number
) noexcept:
    cdef _Head *head
    cdef unsigned long long at = <unsigned long long>number, items, word
    if version & 1 or offset + sizeof(_Head) > limit:
        return 0
    head = <_Head *><void *>(base + offset)
    if number < 0:
        at += head.length
    if at >= head.length:
        return 0
    items = head.items if head.header & 0xFF == 16 else offset + 16
    if items >= limit or at >= (limit - items) >> 3:
        return 0
    word = (<unsigned long long *><void *>(base + items))[at]
    return word if word & 0xB else 0

cdef class StoredSequence(Persistent):
    cdef unsigned long long _first(self) except? 0
    cpdef list _words(self, chosen=*)
    @cython.locals(number=cython.longlong)
    cdef _item(self, index)
    @cython.locals(at=cython.longlong, length=cython.longlong)
    cpdef long long _position(self, index) except? -2
    @cython.locals(heap=Heap, length=cython.longlong, at=cython.longlong)
    cpdef _value(self, long long number)
    @cython.locals(heap=Heap, version=cython.ulonglong)
    cdef _fetch(self, long long number)

cdef class SequenceIterator:
    cdef StoredSequence _of
    cdef long long _at, _step

    @cython.locals(of=StoredSequence, at=cython.longlong)
    cdef _next(self)

@cython.locals(word=cython.ulonglong)
cdef _quick_item(StoredSequence of, index)
@cython.locals(word=cython.ulonglong)
cdef _quick_next(SequenceIterator iterator)
