"""LookupSeller and BatchLookupSellers from a request's bytes to the answer's."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset

from fairpost.engine.native cimport seller_ids_t
from fairpost.engine.standings cimport StandingTable
from fairpost.engine.wire cimport (
    FOR_BATCH_LOOKUP_SELLERS,
    FOR_LOOKUP_SELLER,
    LOOKUP_NO_MEMORY,
    LOOKUP_READ,
    LOOKUP_REFUSED,
    OUTCOMES,
    lookups_free,
    lookups_t,
    point_words,
    read_lookups,
    standing_words_t,
    write_lookups,
    writer_free,
    writer_length,
    writer_t,
)

__all__ = ["BATCH_LOOKUP_SELLERS", "LOOKUP_SELLER", "SellerWire"]

LOOKUP_SELLER, BATCH_LOOKUP_SELLERS = range(2)

cdef enum:
    TOKEN_BYTES = 128  # of a store's id, a dot and a number
    SPARE_BYTES = 1 << 20  # kept of a buffer from call to call, at most
    SPARE_IDS = 1 << 14


cdef class _Desk:
    """Memory for one call."""

    cdef lookups_t lookups
    cdef writer_t out

    def __cinit__(self):
        memset(&self.lookups, 0, sizeof(self.lookups))
        memset(&self.out, 0, sizeof(self.out))

    def __dealloc__(self):
        lookups_free(&self.lookups)
        writer_free(&self.out)


cdef class SellerWire:
    """Answers lookups from a table in memory. Any number of threads, each without the GIL while it works.

    Args:
        store_id: of the registry; consistency tokens begin with it.
        most: ids in a request.

    Raises:
        ValueError: the store's id is too long for a token.
    """

    cdef bytes token  # all but the number
    cdef size_t most
    cdef standing_words_t words
    cdef list spare  # _Desks not in use: list.append and list.pop are atomic

    def __init__(self, store_id, *, most=10_000):
        self.token = f"{store_id}.".encode()
        if len(self.token) > TOKEN_BYTES - 24:
            raise ValueError(f"store_id has {len(self.token) - 1} bytes, expected {TOKEN_BYTES - 25} at most")
        self.most = most
        self.spare = []
        point_words(&self.words)

    def answer(self, int kind, bytes content not None, StandingTable table not None, int day, int64_t ttl,
               int64_t missing_ttl, bint is_fresh=False):
        """The response as bytes; None if the request is at fault, or asks for more than to be quick.

        Args:
            kind: LOOKUP_SELLER or BATCH_LOOKUP_SELLERS.
            day: today in China, in days since 1970, for tenures.
            ttl, missing_ttl: seconds for which callers may keep a standing, or that there is none.
            is_fresh: the table shows all that the request asks for; otherwise only one that asks for nothing but speed
                is answered.

        Raises:
            MemoryError.
        """
        cdef _Desk desk
        cdef const uint8_t *bytes = <const uint8_t*>PyBytes_AS_STRING(content)
        cdef size_t length = PyBytes_GET_SIZE(content)
        cdef int64_t[OUTCOMES] ttls
        cdef char[TOKEN_BYTES] token
        cdef size_t token_length = PyBytes_GET_SIZE(self.token)
        cdef seller_ids_t ids
        cdef int64_t sequence
        cdef int outcome
        if not FOR_LOOKUP_SELLER <= kind <= FOR_BATCH_LOOKUP_SELLERS:
            raise ValueError(f"kind is {kind}, expected 0 or 1")
        ttls[0], ttls[1], ttls[2], ttls[3] = 0, ttl, missing_ttl, 0  # by LookupOutcome
        memcpy(token, PyBytes_AS_STRING(self.token), token_length)
        try:
            desk = self.spare.pop()
        except IndexError:
            desk = _Desk()
        with nogil:
            outcome = read_lookups(&desk.lookups, kind, self.most, is_fresh, bytes, length)
            if outcome == LOOKUP_READ:
                ids.bytes, ids.begins, ids.ends = bytes, desk.lookups.begins, desk.lookups.ends
                ids.count = desk.lookups.count
                table.look_up(&ids, day, desk.lookups.rows, desk.lookups.standings, &sequence)
                token_length += snprintf(token + token_length, 24, "%lld", <long long>sequence)
                if write_lookups(
                    &desk.out, &desk.lookups, &self.words, bytes, ttls, <const uint8_t*>token, token_length
                ) != 0:
                    outcome = LOOKUP_NO_MEMORY
        if outcome == LOOKUP_NO_MEMORY:
            raise MemoryError(f"answering a request of {length} bytes")
        response = None
        if outcome != LOOKUP_REFUSED:
            response = PyBytes_FromStringAndSize(<const char*>desk.out.at, writer_length(&desk.out))
        if <size_t>(desk.out.end - desk.out.begin) <= SPARE_BYTES and desk.lookups.capacity <= SPARE_IDS:
            self.spare.append(desk)
        return response
