"""Opens a bundle: maps the file, checks every invariant that the kernels rely on, points into it."""

import mmap
import os


import numpy as np

from fairpost.engine import layout
from fairpost.engine.check import InvalidBundle, check_sections
from fairpost.engine.meta import load_meta, load_pattern_meta
from fairpost.engine.model import unigram_weights
from fairpost.engine.seal import digest_of

__all__ = ["Image", "InvalidBundle"]


cdef const void* _start(column) except? NULL:
    """First byte of a column; never NULL, so that an empty one can be added to."""
    return <const void*><size_t>column.__array_interface__["data"][0]


cdef int _point_index(image_t *v, sections, tags) except -1:
    """Point into an index; `tags` are its sections in the order of layout.INDEX."""
    unigrams, bitmap, displacements, slots, entries, patterns, symbols = [sections[tag] for tag in tags]
    v.unigram_map = <const uint64_t*>_start(unigrams)
    v.has_unigrams = bool(unigrams.any())
    v.filter_map = <const uint64_t*>_start(bitmap)
    v.filter_bits = int(bitmap.size * 64).bit_length() - 1  # checked to be a power of two
    v.filter_shift = 32 - (v.filter_bits - 3)
    v.displacement = <const uint16_t*>_start(displacements)
    v.displacement_count = displacements.size
    v.slots = <const slot_t*>_start(slots)
    v.slot_count = slots.size
    v.entries = <const entry_t*>_start(entries)
    v.entry_count = entries.size
    v.patterns = <const pattern_t*>_start(patterns)
    v.pattern_count = patterns.size
    v.pattern_symbols = <const uint16_t*>_start(symbols)
    return 0


cdef class Image:
    """A checked bundle, mapped or in memory. Immutable, safe to share between threads.

    The file must be replaced by rename, never written in place: a truncated mapping is SIGBUS.
    """

    @staticmethod
    def open(path, *, checked=""):
        """Map and check the bundle at `path`.

        Args:
            checked: digest of a content that this version of the engine has checked, here or in another process: its
                invariants, which follow from the content alone, are not walked again. "" or another content's digest:
                they are. The kernels trust them, so give none that no check has passed.

        Raises:
            OSError: the file cannot be read.
            InvalidBundle: it is not a whole, well-formed bundle of this format; the message says what and where.
        """
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise InvalidBundle(f"{os.fspath(path)}: the file is empty, expected a compiled rule set")
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            return Image(mapping, checked)
        except InvalidBundle as error:
            raise InvalidBundle(f"{os.fspath(path)}: {error}") from None

    def __cinit__(self, content, checked=""):
        """Check `content` (a buffer that stays alive and unchanged) and point into it."""
        image = np.frombuffer(content, dtype=np.uint8)
        if image.__array_interface__["data"][0] % 8:
            image = image.copy()
        self.digest, flags = _verify_seal(image)
        self.content = image.view()
        self.content.flags.writeable = False
        self.size = image.size
        self.sections = _sections(image)
        is_new = self.digest != checked
        if is_new:
            check_sections(self.sections, flags)
        self.is_pattern_set = bool(flags & layout.BundleFlag.PATTERN_SET)
        self.view.is_identity = bool(flags & layout.BundleFlag.IDENTITY)
        self.meta = (load_pattern_meta if self.is_pattern_set else load_meta)(self.sections, check=is_new)
        self._point()

    cdef int _point(self) except -1:
        s = self.sections
        v = &self.view
        self.tables = _identity_fold(s["RARE"]) if v.is_identity else (s["FBLK"], s["FSYM"])
        blocks, symbols = self.tables
        v.fold_block = <const uint16_t*>_start(blocks)
        v.fold_symbol = <const uint16_t*>_start(symbols)
        plane = symbols.reshape(-1, 128)[blocks[:512]].ravel()
        # No character of well-formed text is a surrogate: the vector paths use three of them, see utf8_tables.h.
        plane[0xD800], plane[0xDFFE], plane[0xDFFF] = layout.Symbol.EXPANDS, layout.Symbol.SKIP, layout.Symbol.BOUNDARY
        self.flat = plane
        v.fold_flat = <const uint16_t*>_start(self.flat)
        v.expansions = <const expansion_t*>_start(s["FEXP"])
        v.expansion_count = s["FEXP"].size
        v.expansion_symbols = <const uint16_t*>_start(s["FEXS"])
        v.fine_block = <const uint16_t*>_start(s["VBLK"])
        v.fine_code_point = <const uint32_t*>_start(s["VCPT"])
        v.fine_expansions = <const expansion_t*>_start(s["VEXP"])
        v.fine_expansion_code_points = <const uint32_t*>_start(s["VEXS"])
        _point_index(v, s, layout.INDEX)
        v.pattern_lists = <const uint16_t*>_start(s["PLST"])
        v.fine = <const fine_t*>_start(s["FINE"])
        v.fine_symbols = <const uint32_t*>_start(s["FCPT"])
        v.regulars = <const regular_t*>_start(s["RGXR"])
        v.regular_anchors = <const regular_anchor_t*>_start(s["RGXA"])
        v.regular_starts = <const uint16_t*>_start(s["RGXC"])
        v.regular_masks = <const uint64_t*>_start(s["RGXM"])
        v.symbol_sets = <const symbol_set_t*>_start(s["RGXN"])
        v.list_count = max(1, s["ALST"].size) - 1
        v.allow_offsets = <const uint32_t*>_start(s["ALST"])
        v.allow_lists = <const uint16_t*>_start(s["ALLW"])
        v.trigger_offsets = <const uint32_t*>_start(s["TRGO"])
        v.triggers = <const uint16_t*>_start(s["TRIG"])
        v.always = <const uint16_t*>_start(s["ALWA"])
        v.always_count = s["ALWA"].size
        v.operands = <const operand_t*>_start(s["OPND"])
        v.operand_count = s["OPND"].size
        v.code = <const instruction_t*>_start(s["CODE"])
        v.rules = <const rule_t*>_start(s["RULE"])
        v.rule_count = s["RULE"].size
        v.group_caps = <const double*>_start(s["GCAP"])
        v.group_count = s["GCAP"].size
        v.policy = <const policy_t*>_start(s["POLI"])
        v.thresholds = <const float*>_start(s["THRE"])
        v.channel_count = s["THRE"].size // (32 * 5)
        if s["MODP"].size:
            model = s["MODP"][0]
            self.unigrams = unigram_weights(s["MODW"], int(model["bits"]))
            v.model_weights = <const int8_t*>_start(s["MODW"])
            v.model_unigrams = <const int8_t*>_start(self.unigrams)
            v.model_shift = 32 - <uint32_t>model["bits"]
            v.model_scale, v.model_bias, v.model_length = model["scale"], model["bias"], model["length"]
            v.examined_from = model["examined_from"]
            v.model_signals = <const double*>_start(s["MODR"]) if s["MODR"].size else NULL
        if s["EWRD"].size:
            self._point_evasion()
        self._point_context()
        return 0

    cdef int _point_context(self) except -1:
        s = self.sections
        if s["CTXI"].size:
            self.context = self.view
            _point_index(&self.context, s, (*layout.CONTEXT, "PATT", "PSYM"))
            self.view.context = &self.context
        return 0

    cdef int _point_evasion(self) except -1:
        s = self.sections
        cdef evasion_t *e = &self.evasion
        e.symbol_of = <const uint16_t*>_start(s["ESYM"])
        e.usual = <const uint64_t*>_start(s["EUSU"])
        e.split_map = <const uint64_t*>_start(s["ESPM"])
        e.lookalikes = <const lookalike_t*>_start(s["ELOK"])
        e.lookalike_count = s["ELOK"].size
        e.splits = <const split_t*>_start(s["ESPL"])
        e.split_count = s["ESPL"].size
        e.letters = <const letter_t*>_start(s["ELET"])
        e.letter_count = s["ELET"].size
        e.emoji = <const expansion_t*>_start(s["EMOJ"])
        e.emoji_count = s["EMOJ"].size
        e.emoji_symbols = <const uint16_t*>_start(s["EMOS"])
        e.emoji_offsets = <const uint16_t*>_start(s["EMOO"])
        e.emoji_sounds = <const uint16_t*>_start(s["EMOA"])
        e.alike_offsets = <const uint32_t*>_start(s["EALO"])
        e.alike = <const uint16_t*>_start(s["EALI"])
        e.alike_sounds = <const uint16_t*>_start(s["EALS"])
        e.words = <const word_t*>_start(s["EWRD"])
        e.word_symbols = <const uint16_t*>_start(s["EWSY"])
        e.forms = <const form_t*>_start(s["EFRM"])
        e.form_sounds = <const uint16_t*>_start(s["EFSY"])
        e.places = <const placed_t*>_start(s["EKEY"])
        e.bucket_offsets = <const uint32_t*>_start(s["EKYO"])
        e.bucket_mask = <uint32_t>(s["EKYO"].size - 2)
        e.key_map = <const uint64_t*>_start(s["EKYM"])
        e.key_map_shift = 33 - <uint32_t>int(s["EKYM"].size * 64).bit_length()
        e.pair_map = <const uint64_t*>_start(s["EPAI"])
        e.neighbour_map = <const uint64_t*>_start(s["EADJ"])
        e.list_classes = <const uint8_t*>_start(s["ELVA"])
        self.view.evasion = e
        return 0


def _identity_fold(rare):
    """The two-stage fold table of a bundle that folds nothing: (block of each code point >> 7, symbols).

    `rare`: the code points without a symbol of their own that patterns hold, ascending; they get the pool's."""
    number = 0xD800 + np.arange(rare.size, dtype=np.uint16)
    blocks = np.arange(layout.CODE_POINT_BLOCKS)
    own = np.unique(np.concatenate([np.arange(0x10000 >> 7), rare >> 7])).astype(np.int64)
    shared = len(own)  # the block of all planes' characters that no pattern holds
    place = np.full(layout.CODE_POINT_BLOCKS, shared, dtype=np.uint16)
    place[own] = blocks[:shared]
    symbols = np.full((shared + 1) * 128, SYMBOL_OTHER, dtype=np.uint16)
    symbols[layout.FIRST_SYMBOL:0xFFFF] = np.arange(layout.FIRST_SYMBOL, 0xFFFF)
    symbols[0xD800:0xE000] = SYMBOL_OTHER  # no text holds a surrogate
    at = rare.astype(np.int64)
    symbols[place[at >> 7].astype(np.int64) << 7 | (at & 127)] = number
    return place, symbols


def _verify_seal(image):
    """Header and digest; returns the digest as 64 hex digits, and the header's flags."""
    if image.size < layout.HEADER_DTYPE.itemsize:
        raise InvalidBundle(f"{image.size} bytes is shorter than a bundle's header (64 bytes)")
    header = image[:64].view(layout.HEADER_DTYPE)[0]
    if bytes(header["magic"]) != layout.MAGIC:
        raise InvalidBundle(f"starts with {bytes(image[:8])!r}, expected {layout.MAGIC!r}: not a compiled rule set")
    if header["version"] != layout.FORMAT_VERSION:
        raise InvalidBundle(
            f"format version {header['version']}, this fairpost reads version {layout.FORMAT_VERSION}:"
            " compile the packs again"
        )
    if header["size"] != image.size:
        what = "truncated" if header["size"] > image.size else "longer than written"
        raise InvalidBundle(f"{what}: {image.size} bytes, the header says {header['size']}")
    digest = digest_of(memoryview(image))
    if digest != image[32:64].tobytes():
        raise InvalidBundle("checksum does not match: the file is damaged")
    if header["reserved"] != 0:
        raise InvalidBundle("header: the reserved field is not 0")
    return digest.hex(), int(header["flags"])


def _sections(image):
    """Section name -> read-only column over the mapping; sizes, order and alignment are checked here."""
    header = image[:64].view(layout.HEADER_DTYPE)[0]
    count = int(header["sections"])
    if count != len(layout.SECTIONS):
        raise InvalidBundle(f"{count} sections, expected {len(layout.SECTIONS)}")
    end = 64 + count * layout.SECTION_DTYPE.itemsize
    if end + layout.PADDING > image.size:
        raise InvalidBundle("the section table reaches past the end of the file")
    sections = {}
    for record, (tag, dtype) in zip(image[64:end].view(layout.SECTION_DTYPE), layout.SECTIONS.items()):
        if bytes(record["tag"]) != tag.encode():
            raise InvalidBundle(f"section {bytes(record['tag'])!r} where {tag} was expected")
        if record["item"] != dtype.itemsize:
            raise InvalidBundle(f"section {tag}: items of {record['item']} bytes, expected {dtype.itemsize}")
        offset, items = int(record["offset"]), int(record["count"])
        if offset % layout.ALIGNMENT:
            raise InvalidBundle(f"section {tag}: offset {offset} is not a multiple of {layout.ALIGNMENT}")
        if offset < end:
            raise InvalidBundle(f"section {tag}: offset {offset} overlaps what comes before (ends at {end})")
        end = offset + items * dtype.itemsize
        if end + layout.PADDING > image.size:
            raise InvalidBundle(f"section {tag}: {items} items from byte {offset} reach past the end of the file")
        column = image[offset:end].view(dtype)
        column.flags.writeable = False
        sections[tag] = column
    return sections
