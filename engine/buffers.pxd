"""NumPy arrays over memory that others own."""

cdef object adopt(void *memory, Py_ssize_t count, int typenum)
cdef object view(const void *memory, Py_ssize_t count, int typenum, object owner)
