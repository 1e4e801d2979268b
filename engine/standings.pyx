"""The standing table: what the engine has to know of a seller, found by id without the GIL."""

from typing import NamedTuple

import numpy as np

cimport numpy as cnp

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fairpost.engine.image cimport standing_t
from fairpost.engine.native cimport HASH_GROUP, hash128_t, seller_ids_t, sip_key_t
from fairpost.engine.scanner cimport path_in_use

from fairpost.engine.records import check_key, check_records, day_number, ids_of
from fairpost.engine.snapshot import KEY_CHECK, PIECE_ROWS, ROW_BYTES, InvalidSnapshot, SnapshotReader, SnapshotWriter
from fairpost.engine.vocabulary import ENFORCEMENT, LISTING, REGISTRATION, SELLER_RECORD_DTYPE, STANDING_DTYPE

__all__ = ["InvalidSnapshot", "StandingTable", "StandingView", "hashes_of"]

cnp.import_array()


class StandingView(NamedTuple):
    """What one batch sees of the sellers that it names, all of one state of the event log.

    Attributes:
        sellers: int32[n]: row in `standings`, or SELLER_NONE, SELLER_NOT_FOUND, SELLER_UNAVAILABLE.
        standings: STANDING_DTYPE[m], one for each id that was found, in their order; the caller's own.
        sequence: position in the event log that these answers show.
    """

    sellers: np.ndarray
    standings: np.ndarray
    sequence: int


cdef seller_ids_t _ids(texts) except *:
    """The columns of `texts`, which has to live on."""
    cdef seller_ids_t ids
    cdef const int64_t *offsets = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>texts.offsets)
    ids.bytes = <const uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>texts.bytes)
    ids.begins, ids.ends = offsets, offsets + 1
    ids.count = len(texts)
    return ids


cdef int _raise_for(int fault, int64_t sequence, int64_t shown) except -1:
    if fault == STANDINGS_NO_MEMORY:
        raise MemoryError("no memory for more sellers; the table is unchanged")
    if fault == STANDINGS_TOO_MANY:
        raise OverflowError(f"a standing table holds {MAX_ROWS:,} sellers at most; the table is unchanged")
    if fault == STANDINGS_TOO_MANY_TALLIES:
        raise OverflowError("more than 16,777,215 different combinations of strike counts; the table is unchanged")
    if fault == STANDINGS_BACKWARDS:
        raise ValueError(f"sequence is {sequence}, but the table shows {shown} already: it never goes back")
    return 0


cdef size_t _apply(standings_t *table, int64_t sequence, ids, records, removed) except? 0:
    texts, gone = ids_of(ids, are_named=True), ids_of(removed, are_named=True)
    checked = check_records(records, len(texts))
    cdef seller_ids_t given = _ids(texts), going = _ids(gone)
    cdef const seller_record_t *rows = <const seller_record_t*>cnp.PyArray_DATA(<cnp.ndarray>checked)
    cdef change_t *changes = <change_t*>malloc((given.count + 1) * sizeof(change_t))
    cdef size_t removals = 0
    cdef int fault = STANDINGS_NO_MEMORY
    cdef int64_t shown = 0
    if changes != NULL:
        with nogil:
            guard_write(&table.guard)
            shown = table.content.sequence
            fault = standings_apply(table, sequence, &given, rows, &going, changes, &removals)
            guard_written(&table.guard)
    free(changes)
    _raise_for(fault, sequence, shown)
    return removals


cdef object _key_check(standings_t *table):
    """The keyed hash of KEY_CHECK: 16 bytes."""
    cdef hash128_t hash
    texts = ids_of([KEY_CHECK])
    cdef seller_ids_t given = _ids(texts)
    table.hash_group(table.key, &given, 0, 1, &hash)
    return (<const char*>&hash)[:sizeof(hash)]


cdef int _save(standings_t *table, writer) except -1:
    """All of the content to `writer`. guard.writing is held, so it does not change."""
    cdef content_t *content = table.content
    cdef size_t rows = content.rows.count, tallies = content_tallies(content), first, count
    piece = np.empty(PIECE_ROWS * ROW_BYTES, np.uint8)
    cdef uint8_t *out = <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>piece)
    check = _key_check(table)
    writer.begin(day=content.day, sequence=content.sequence, key_check=check, rows=rows, tallies=tallies)
    for first in range(0, rows, PIECE_ROWS):
        count = min(<size_t>PIECE_ROWS, rows - first)
        with nogil:
            export_rows(content, first, count, <seller_row_t*>out)
        writer.write(memoryview(piece)[:count * ROW_BYTES])
    for first in range(0, tallies, PIECE_ROWS):
        count = min(<size_t>PIECE_ROWS, tallies - first)
        export_tallies(content, first, count, out)
        writer.write(memoryview(piece)[:count * ROW_BYTES])
    return 0


cdef int _load(content_t *content, reader, key_check) except -1:
    """Fill a fresh content from `reader`."""
    cdef size_t rows = reader.rows, first, count, bad = 0
    cdef const uint8_t[::1] piece
    cdef vocabulary_t words
    cdef int fault
    words.registration, words.enforcement, words.listing = len(REGISTRATION), len(ENFORCEMENT), len(LISTING)
    _raise_for(load_begin(content, rows, reader.tallies), 0, 0)
    for first, part in reader.pieces(rows):
        piece = part
        count = piece.shape[0] // <size_t>ROW_BYTES
        with nogil:
            load_rows(content, first, count, &piece[0])
    for first, part in reader.pieces(reader.tallies):
        piece = part
        load_tallies(content, first, piece.shape[0] // <size_t>ROW_BYTES, &piece[0])
    reader.verify(key_check)
    with nogil:
        fault = load_end(content, rows, &words, &bad)
    if fault == LOAD_BAD_STATE:
        raise reader.fault(f"row {bad}: a state outside its vocabulary")
    if fault == LOAD_BAD_TALLY:
        raise reader.fault(f"row {bad}: the number of its strike counts is above {reader.tallies}")
    if fault == LOAD_TWICE:
        raise reader.fault(f"row {bad}: its hash is that of an earlier row")
    _raise_for(fault, 0, 0)
    content.sequence, content.day = reader.header["sequence"], reader.header["day"]
    return 0


cdef class StandingTable:
    """Seller's id -> standing, for up to 1,073,741,824 sellers in less than 40 bytes each.

    Ids are not stored: a seller is found by the keyed hash of its id, SipHash-2-4 with 128 bits (docs/standings.md has
    the odds of a collision). Tenure is computed for the day that a lookup names.

    Thread-safe. Any number of threads look up while one changes the table; further writers wait. A batch of lookups
    sees one state of the table, whole changes only. Neither holds the GIL while it works or waits.

    Args:
        key: 16 bytes, secret and from a source of chance; the same for a snapshot and who opens it.

    Raises:
        TypeError, ValueError: the key is no bytes, or not 16 of them.
    """

    def __cinit__(self, key, *, uint64_t _placement=0xFFFFFFFFFFFFFFFF):
        # _placement, for tests: the bits of a hash that choose its place; with few of them all collide but the hashes.
        cdef const uint8_t[::1] secret = check_key(key)
        self.table = <standings_t*>malloc(sizeof(standings_t))
        if self.table == NULL or standings_open(
            self.table, &secret[0], path_in_use().hash_group, path_in_use().find_standings, _placement
        ) != STANDINGS_OK:
            free(self.table)
            self.table = NULL
            raise MemoryError("no memory for a standing table")

    def __dealloc__(self):
        if self.table != NULL:
            standings_close(self.table)
            free(self.table)

    # ---- reading ---------------------------------------------------------------------------------------------

    cdef size_t look_up(self, const seller_ids_t *ids, int32_t day, int32_t *sellers, standing_t *standings,
                        int64_t *sequence) noexcept nogil:
        return standings_look_up(self.table, ids, day, sellers, standings, sequence)

    def view(self, ids, day):
        """Standings of the sellers that a batch names, as `RuleSet.check_batch` takes them.

        Args:
            ids: what `Texts.of` takes: a list of str, an Arrow column, or `Texts`; "" and None name nobody.
            day: date, or days since 1970: tenure is counted up to it.

        Returns:
            StandingView.
        """
        texts = ids_of(ids)
        cdef seller_ids_t given = _ids(texts)
        cdef int32_t number = day_number(day)
        cdef int64_t sequence
        cdef size_t found
        sellers = np.empty(given.count, np.int32)
        standings = np.empty(given.count, STANDING_DTYPE)
        cdef int32_t *rows = <int32_t*>cnp.PyArray_DATA(<cnp.ndarray>sellers)
        cdef standing_t *records = <standing_t*>cnp.PyArray_DATA(<cnp.ndarray>standings)
        with nogil:
            found = self.look_up(&given, number, rows, records, &sequence)
        return StandingView(sellers, standings[:found], sequence)

    def record(self, seller_id):
        """SELLER_RECORD_DTYPE record of one seller as the table was told it, or None; whatever `available` says."""
        texts = ids_of([seller_id], are_named=True)
        cdef seller_ids_t given = _ids(texts)
        record = np.empty(1, SELLER_RECORD_DTYPE)
        cdef seller_record_t *out = <seller_record_t*>cnp.PyArray_DATA(<cnp.ndarray>record)
        cdef bint found
        with nogil:
            found = standings_get(self.table, &given, out)
        return record[0] if found else None

    def __len__(self):
        """Number of sellers."""
        cdef size_t count
        with nogil:
            guard_read(&self.table.guard)
            count = self.table.content.rows.count
            guard_done(&self.table.guard)
        return count

    @property
    def sequence(self):
        """Position in the event log that the table shows."""
        cdef int64_t sequence
        with nogil:
            guard_read(&self.table.guard)
            sequence = self.table.content.sequence
            guard_done(&self.table.guard)
        return sequence

    @property
    def day(self):
        """The day that the records were derived for, in days since 1970, as `replace` was told."""
        cdef int32_t day
        with nogil:
            guard_read(&self.table.guard)
            day = self.table.content.day
            guard_done(&self.table.guard)
        return day

    @property
    def nbytes(self):
        """Bytes of memory that the table holds, with all that lies idle."""
        cdef size_t count
        with nogil:
            guard_write(&self.table.guard)
            count = content_bytes(self.table.content)
            guard_written(&self.table.guard)
        return count

    @property
    def available(self):
        """False while the table may lack an acknowledged change: all answers are then SELLER_UNAVAILABLE. Settable."""
        cdef bint available
        with nogil:
            guard_read(&self.table.guard)
            available = self.table.is_available
            guard_done(&self.table.guard)
        return available

    @available.setter
    def available(self, value):
        cdef bint available = value
        with nogil:
            guard_show(&self.table.guard)
            self.table.is_available = available
            self.table.version += 1
            guard_done(&self.table.guard)

    # ---- writing ---------------------------------------------------------------------------------------------

    def put(self, seller_id, record):
        """Let one seller stand as `record` (SELLER_RECORD_DTYPE) from now on; the sequence stays."""
        _apply(self.table, KEEP_SEQUENCE, [seller_id], np.asarray(record).reshape(-1), ())

    def put_many(self, ids, records):
        """`put` for n sellers at once: no batch sees only some of them. The sequence stays."""
        _apply(self.table, KEEP_SEQUENCE, ids, records, ())

    def remove(self, seller_id):
        """Erase one seller: nothing of it stays in memory. False if the table does not know it."""
        return _apply(self.table, KEEP_SEQUENCE, (), np.empty(0, SELLER_RECORD_DTYPE), [seller_id]) == 1

    def apply(self, sequence, ids, records, removed=()):
        """Show the event log up to `sequence`, at once: no batch sees some of these changes and not the others.

        Args:
            sequence: position in the event log, not before the present one.
            ids: n ids, what `Texts.of` takes, none empty; of several records for one id the last counts.
            records: SELLER_RECORD_DTYPE[n].
            removed: ids that are erased; may name sellers that are unknown, and wins over `ids`.

        Raises:
            TypeError, ValueError: wrong dtype or shape, an empty id, a number outside its vocabulary, the sequence
                goes back. OverflowError, MemoryError: no room. The table is then unchanged.
        """
        if sequence < 0:
            raise ValueError(f"sequence is {sequence}, expected 0 or more")
        _apply(self.table, sequence, ids, records, removed)

    def replace(self, ids, records, sequence, day):
        """Exchange the whole content: built beside the old one, so batches go on and see all of the old or of the new.

        Until then both are in memory. Sequence and day may be any: a restored store can be behind.

        Args:
            ids: n ids, what `Texts.of` takes, none empty; of several records for one id the last counts.
            records: SELLER_RECORD_DTYPE[n], derived for `day` (date, or days since 1970).
            sequence: position in the event log.

        Raises: as `apply`.
        """
        if sequence < 0:
            raise ValueError(f"sequence is {sequence}, expected 0 or more")
        texts = ids_of(ids, are_named=True)
        checked = check_records(records, len(texts))
        cdef seller_ids_t given = _ids(texts)
        cdef const seller_record_t *rows = <const seller_record_t*>cnp.PyArray_DATA(<cnp.ndarray>checked)
        cdef int64_t position = sequence
        cdef int32_t number = day_number(day)
        cdef content_t *fresh
        cdef int fault = STANDINGS_NO_MEMORY
        with nogil:
            guard_write(&self.table.guard)
            fresh = content_open(self.table.content.placement)
            if fresh != NULL:
                fault = content_reserve(fresh, given.count)
                if fault == STANDINGS_OK:
                    fault = content_fill(self.table, fresh, &given, rows)
            if fault == STANDINGS_OK:
                fresh.sequence, fresh.day = position, number
                fresh = standings_exchange(self.table, fresh)
            guard_written(&self.table.guard)
            content_close(fresh)
        _raise_for(fault, position, 0)

    # ---- snapshots -------------------------------------------------------------------------------------------

    def save(self, path):
        """Write a snapshot, sealed with a digest: to a temporary file beside `path`, synced, then renamed.

        Lookups go on; writers wait until all is handed to the system, not until it is on the disk. `available` is not
        saved. Who has the key can test ids against the file; without it nothing tells whose row is whose.

        Raises:
            OSError: it cannot be written; what was at `path` is still there.
        """
        writer = SnapshotWriter(path)
        try:
            with nogil:
                guard_write(&self.table.guard)
            try:
                _save(self.table, writer)
            finally:
                guard_written(&self.table.guard)
            writer.finish()
        finally:
            writer.abandon()

    @staticmethod
    def open(path, key):
        """The table that was saved at `path`, under the same key.

        Raises:
            OSError: the file cannot be read.
            InvalidSnapshot: it is no snapshot, damaged, of another version or key; the message says what and where.
        """
        cdef StandingTable table = StandingTable(key)
        cdef content_t *fresh = content_open(table.table.content.placement)
        if fresh == NULL:
            raise MemoryError("no memory for a standing table")
        try:
            with SnapshotReader(path) as reader:
                _load(fresh, reader, _key_check(table.table))
            fresh = standings_exchange(table.table, fresh)
        finally:
            content_close(fresh)
        return table


def hashes_of(key, ids):
    """The keyed hashes of n ids (what `Texts.of` takes) by the path in use: uint8[n, 16], as SipHash writes them."""
    cdef const uint8_t[::1] secret = check_key(key)
    texts = ids_of(ids)
    cdef seller_ids_t given = _ids(texts)
    cdef sip_key_t words
    cdef size_t at
    memcpy(&words, &secret[0], sizeof(words))
    hashes = np.empty((given.count, 16), np.uint8)
    cdef hash128_t *out = <hash128_t*>cnp.PyArray_DATA(<cnp.ndarray>hashes)
    for at in range(0, given.count, HASH_GROUP):
        path_in_use().hash_group(words, &given, at, min(<size_t>HASH_GROUP, given.count - at), out + at)
    return hashes
