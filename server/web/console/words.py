"""Values of messages in the reader's words: those of enums, and violation categories.

The catalogue has each value under words.<enum>.<value>: `ComplaintState` COMPLAINT_STATE_FILED is
"words.ComplaintState.filed". Categories and scopes of licences are those of the public pages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from fairpost.server.web.catalogue import messages

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor

    from fairpost.server.web.catalogue import Language

__all__ = ["Words", "choices", "code", "value_name"]


def value_name(enum: EnumDescriptor, number: int) -> str:
    """A value without its enum's name, in small letters: "filed". "unspecified" for one that is not known here."""
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper() + "_"
    value = enum.values_by_number.get(number)
    return value.name.removeprefix(prefix).lower() if value is not None else "unspecified"


def code(message: Any, field: str) -> str:
    """The name of a message's enum field: for classes and addresses. Of a oneof, which of its fields is set."""
    descriptor = message.DESCRIPTOR.fields_by_name.get(field)
    if descriptor is None:
        return message.WhichOneof(field) or "none"
    return value_name(_enum(descriptor), getattr(message, field))


def choices(enum: EnumDescriptor) -> list[str]:
    """Names of all values but the unspecified one, in their order."""
    return [value_name(enum, value.number) for value in enum.values if value.number]


def number_of(enum: EnumDescriptor, name: str) -> int:
    """The value with this name; 0 (unspecified) for none."""
    return next((value.number for value in enum.values if value_name(enum, value.number) == name), 0)


class Words:
    """In one language."""

    def __init__(self, language: Language) -> None:
        self._messages = messages(language)

    def of(self, message: Any, field: str) -> str:
        """A message's enum field."""
        return self.value(_enum(message.DESCRIPTOR.fields_by_name[field]).name, code(message, field))

    def value(self, enum: str, name: str) -> str:
        """A value by the enum's name and its own; the name itself for one that the catalogue does not know."""
        return self._messages.get(f"words.{enum}.{name}", name)

    def category(self, category: str) -> str:
        """A violation category."""
        return self._messages.get(f"category.{category}", category)

    def scope(self, scope: str) -> str:
        """A licence's scope."""
        return self._messages.get(f"licence.{scope}", scope)

    @staticmethod
    def code(message: Any, field: str) -> str:
        return code(message, field)


def _enum(descriptor: FieldDescriptor) -> EnumDescriptor:
    assert descriptor.enum_type is not None, f"{descriptor.full_name} is no enum"
    return descriptor.enum_type
