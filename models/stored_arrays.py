"""A dataclass of arrays as a bundle stores it: by the names of its fields, behind a prefix of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance as Dataclass
else:
    Dataclass = object


class StoredArrays(Dataclass):
    """Arrays are all that a dataclass below this one has for fields."""

    prefix: ClassVar[str]

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {self.prefix + one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def names(cls) -> frozenset[str]:
        """Of the arrays as stored."""
        return frozenset(cls.prefix + one.name for one in fields(cls))

    @classmethod
    def among(cls, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Whether any of these is stored under the prefix."""
        return any(name.startswith(cls.prefix) for name in arrays)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from ``arrays()``; raises KeyError for one that is missing."""
        return cls(**{one.name: arrays[cls.prefix + one.name] for one in fields(cls)})
