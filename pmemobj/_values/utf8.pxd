# Texts and bytes in C, for the modules that hash, compare and pack them. There is no utf8.py.

cdef extern from *:
    """
    #include <string.h>

    /* The UTF-8 of a str, in memory that the str owns; NULL and an exception if it cannot be encoded. */
    static inline const char *utf8_of(PyObject *text, Py_ssize_t *size) {
        if (PyUnicode_IS_COMPACT_ASCII(text)) {
            *size = PyUnicode_GET_LENGTH(text);
            return (const char *)PyUnicode_1BYTE_DATA(text);
        }
        return PyUnicode_AsUTF8AndSize(text, size);
    }

    /* Up to eight bytes as a little-endian word. A memcpy of unknown size would be a call. */
    static inline unsigned long long padded_word(const char *data, Py_ssize_t size) {
        if (size >= 8) {
            unsigned long long word;
            memcpy(&word, data, 8);
            return word;
        }
        if (size >= 4) {
            unsigned int low, high;
            memcpy(&low, data, 4);
            memcpy(&high, data + size - 4, 4);
            return low | (unsigned long long)high << 8 * (size - 4);
        }
        if (size >= 2) {
            unsigned short low, high;
            memcpy(&low, data, 2);
            memcpy(&high, data + size - 2, 2);
            return low | (unsigned long long)high << 8 * (size - 2);
        }
        return size ? (unsigned char)*data : 0;
    }

    /* Computes the same as `hashes.mix`. */
    static inline unsigned long long mix_memory(const char *data, Py_ssize_t size, unsigned long long seed) {
        unsigned long long state = seed ^ (unsigned long long)size;
        for (; size > 0; data += 8, size -= 8) {
            state ^= padded_word(data, size);
            state *= 0x9E3779B97F4A7C15ULL;
            state ^= state >> 29;
        }
        return state;
    }

    /* The bytes of a text, filled up with zeros to whole words. */
    static inline PyObject *words_of(const char *data, Py_ssize_t size) {
        Py_ssize_t filled = (size + 7) & ~7;
        PyObject *words = PyBytes_FromStringAndSize(NULL, filled);
        if (words != NULL) {
            memset(PyBytes_AS_STRING(words) + filled - (filled ? 8 : 0), 0, filled ? 8 : 0);
            memcpy(PyBytes_AS_STRING(words), data, size);
        }
        return words;
    }

    /* Whether `words`, a text that is filled up with zeros to whole words, is the text `data`. */
    static inline int same_words(const char *words, const char *data, Py_ssize_t size) {
        for (; size >= 8; words += 8, data += 8, size -= 8) {
            if (padded_word(words, 8) != padded_word(data, 8)) return 0;
        }
        return size == 0 || padded_word(words, 8) == padded_word(data, size);
    }

    /* Whether a word is a str of 2 to 7 ASCII characters. (The interpreter keeps the strs of one character.) */
    static inline int is_ascii_word(unsigned long long word) {
        return (word & 0x808080808080808FULL) == 8 && (word & 0x60) != 0;
    }

    /* The str of such a word. */
    static inline PyObject *ascii_of(unsigned long long word) {
        Py_ssize_t size = word >> 4 & 7;
        PyObject *text = PyUnicode_New(size, 127);
        if (text != NULL) {
            Py_UCS1 *data = PyUnicode_1BYTE_DATA(text);
            word >>= 8;
            if (size & 4) { unsigned int part = (unsigned int)word; memcpy(data, &part, 4); data += 4; word >>= 32; }
            if (size & 2) { unsigned short part = (unsigned short)word; memcpy(data, &part, 2); data += 2; word >>= 16; }
            if (size & 1) *data = (Py_UCS1)word;
        }
        return text;
    }

    static inline int same_memory(const char *one, const char *other, Py_ssize_t size) {
        for (; size >= 8; one += 8, other += 8, size -= 8) {
            if (padded_word(one, 8) != padded_word(other, 8)) return 0;
        }
        return padded_word(one, size) == padded_word(other, size);
    }
    """
    const char *utf8_of(object text, Py_ssize_t *size) noexcept
    bytes words_of(const char *data, Py_ssize_t size)
    unsigned long long padded_word(const char *data, Py_ssize_t size) noexcept
    unsigned long long mix_memory(const char *data, Py_ssize_t size, unsigned long long seed) noexcept
    bint same_words(const char *words, const char *data, Py_ssize_t size) noexcept
    bint is_ascii_word(unsigned long long word) noexcept
    object ascii_of(unsigned long long word)
    bint same_memory(const char *one, const char *other, Py_ssize_t size) noexcept

cdef extern from "Python.h":
    void forget_error "PyErr_Clear"() noexcept
