"""NumPy arrays over memory that NumPy has not allocated."""

import numpy as np

cimport numpy as cnp

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.stdlib cimport free

cnp.import_array()


cdef void _release(object capsule) noexcept:
    free(PyCapsule_GetPointer(capsule, NULL))


cdef object adopt(void *memory, Py_ssize_t count, int typenum):
    """An array of `count` items from malloc, which it frees when nobody needs it; takes `memory` over in any case."""
    if memory == NULL or count == 0:
        free(memory)
        return np.empty(0, dtype=cnp.PyArray_DescrFromType(typenum))
    try:
        owner = PyCapsule_New(memory, NULL, _release)
    except BaseException:
        free(memory)
        raise
    cdef cnp.npy_intp n = count
    array = cnp.PyArray_SimpleNewFromData(1, &n, typenum, memory)
    cnp.set_array_base(array, owner)
    return array


cdef object view(const void *memory, Py_ssize_t count, int typenum, object owner):
    """A read-only array over memory that lives as long as `owner`."""
    if memory == NULL or count == 0:
        array = np.empty(0, dtype=cnp.PyArray_DescrFromType(typenum))
    else:
        array = _over(memory, count, typenum, owner)
    array.flags.writeable = False
    return array


cdef object _over(const void *memory, Py_ssize_t count, int typenum, object owner):
    cdef cnp.npy_intp n = count
    array = cnp.PyArray_SimpleNewFromData(1, &n, typenum, <void*>memory)
    cnp.set_array_base(array, owner)
    return array
