"""Columns of numbers as Arrow record batches."""

cdef object export_schema(tuple names)
cdef object export_array(tuple names, tuple columns)
cdef object export_stream(tuple names, tuple columns)
