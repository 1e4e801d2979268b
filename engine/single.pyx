"""Judges one post without making columns: the answer's memory stays from call to call."""

import dataclasses
import types

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.stdint cimport int64_t
from libc.string cimport memset

from fairpost.engine.answer cimport free_evidence
from fairpost.engine.image cimport Image
from fairpost.engine.native cimport (
    column_f32_free,
    column_u8_free,
    column_u8_reserve,
    column_u16_free,
)
from fairpost.engine.texts cimport encode, widest

from fairpost.engine.verdict import InvalidPost, Label, Verdict, fault_message, make_evidence
from fairpost.engine.vocabulary import CATEGORIES, SEVERITIES, Action, Status

cdef tuple _actions = tuple(Action)
cdef tuple _categories = CATEGORIES
cdef tuple _severities = SEVERITIES


cdef extern from *:
    """
    #include <structmember.h>
    #define slot_offset(descriptor) (((PyMemberDescrObject *)(descriptor))->d_member->offset)
    """
    object PyType_GenericNew(PyTypeObject *kind, PyObject *args, PyObject *kwds)
    Py_ssize_t slot_offset(object descriptor)

cdef enum:
    FIELDS = 10  # of a Verdict

cdef Py_ssize_t[FIELDS] _offsets  # where a Verdict, which has slots, keeps each field


cdef int note_offsets() except -1:
    fields = dataclasses.fields(Verdict)
    if len(fields) != FIELDS:
        raise TypeError(f"Verdict has {len(fields)} fields, expected {FIELDS}")
    for k, field in enumerate(fields):
        descriptor = Verdict.__dict__[field.name]
        if not isinstance(descriptor, types.MemberDescriptorType):
            raise TypeError(f"Verdict.{field.name} is no slot")
        _offsets[k] = slot_offset(descriptor)
    return 0


note_offsets()


cdef object new_verdict(tuple values):
    """Verdict(*values), without the calls of object.__setattr__ by which a frozen dataclass fills itself: they
    would take half of a check's time."""
    cdef Py_ssize_t k
    cdef object value
    if len(values) != FIELDS:
        raise TypeError(f"{len(values)} values for the {FIELDS} fields of a Verdict")
    verdict = PyType_GenericNew(<PyTypeObject*>Verdict, NULL, NULL)
    for k in range(FIELDS):
        value = values[k]
        # SAFETY: the slots of a new object are NULL, and nobody else has it yet.
        Py_INCREF(value)
        (<PyObject**>(<char*><PyObject*>verdict + _offsets[k]))[0] = <PyObject*>value
    return verdict


cdef class Single:
    """A Judge with room for one answer. Not thread-safe: one for each call under way."""

    def __cinit__(self, Image image not None):
        self.judge = Judge(image)
        memset(&self.request, 0, sizeof(self.request))
        memset(&self.answer, 0, sizeof(self.answer))
        self.request.posts = 1
        self.answer.status = &self.status
        self.answer.status_offset = &self.status_offset
        self.answer.status_text = &self.status_text
        self.answer.action = &self.action
        self.answer.risk = &self.risk
        self.answer.commerce = &self.commerce
        self.answer.exposure = &self.exposure
        self.answer.model = &self.model
        self.answer.flags = &self.flags
        self.answer.label_end = &self.label_end
        self.answer.evidence_end = &self.evidence_end
        self.answer.fired_end = &self.fired_end

    def __dealloc__(self):
        column_u8_free(&self.text)
        column_u8_free(&self.answer.label_category)
        column_f32_free(&self.answer.label_score)
        column_u8_free(&self.answer.label_severity)
        free_evidence(&self.answer.evidence)
        column_u16_free(&self.answer.fired_rule)

    cdef object check(self, ruleset, text, str unit, int day):
        """The verdict on `text`, str or bytes; the caller has filled the rest of the request.

        Raises:
            InvalidPost: the text is empty, too long or not UTF-8.
        """
        cdef int64_t[2] offsets
        cdef answer_t *answer = &self.answer
        cdef int outcome
        cdef size_t k
        offsets[0] = 0
        if isinstance(text, bytes):
            self.request.bytes = <const uint8_t*>PyBytes_AS_STRING(text)
            offsets[1] = PyBytes_GET_SIZE(text)
        else:
            self.text.count = 0
            if column_u8_reserve(&self.text, PyUnicode_GET_LENGTH(text) * widest(text) + 1):
                raise MemoryError
            offsets[1] = encode(text, self.text.at)
            self.request.bytes = self.text.at
        self.request.begins = offsets
        self.request.ends = offsets + 1
        self.request.readable = self.request.bytes + offsets[1]
        self.status = 0
        answer.label_category.count = answer.label_score.count = answer.label_severity.count = 0
        answer.evidence.count = answer.fired_rule.count = 0
        with nogil:
            outcome = self.judge.run(&self.request, answer)
        if outcome != 0:
            raise MemoryError
        if self.status != 0:
            fault = Status(self.status)
            byte = self.request.bytes[self.status_offset] if fault is Status.INVALID_UTF8 else 0
            raise InvalidPost(fault_message(fault, 0, self.status_offset, byte, self.request.max_characters))
        labels = evidence = ()
        if answer.label_category.count:
            labels = tuple([
                Label(
                    _categories[answer.label_category.at[k]],
                    answer.label_score.at[k],
                    _severities[answer.label_severity.at[k]],
                )
                for k in range(answer.label_category.count)
            ])
        if answer.evidence.count:
            whole = self.request.bytes[:offsets[1]]
            evidence = tuple([
                make_evidence(
                    ruleset,
                    whole,
                    answer.evidence.rule[k],
                    0,
                    answer.evidence.start[k],
                    answer.evidence.stop[k],
                    unit,
                    day,
                    bool(answer.evidence.shadow[k]),
                )
                for k in range(answer.evidence.count)
            ])
        return new_verdict((
            _actions[self.action],
            self.risk,
            self.commerce,
            self.exposure,
            labels,
            evidence,
            ruleset.revision,
            self.flags,
            None,
            self.model if self.judge.view.model_weights != NULL else None,
        ))
