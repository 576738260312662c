"""Docstrings of the public names: numpydoc's rules, every parameter, and the shape of every array."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

import cellstate

#: Rules of numpydoc that are not ours: examples and "See Also" stand in the documentation.
LEFT_OUT = {"EX01", "SA01", "ES01"}
#: The parameters of a dataclass are its attributes, which are checked below.
OF_DATACLASSES = {"PR01"}


def members(owner: type) -> list[str]:
    """Return the public methods and properties of a class, by their full names."""
    kinds = (property, classmethod, staticmethod)
    names = [name for name, value in vars(owner).items() if inspect.isfunction(value) or isinstance(value, kinds)]
    return [f"{owner.__module__}.{owner.__qualname__}.{name}" for name in names if not name.startswith("_")]


CLASSES = [name for name in cellstate.__all__ if inspect.isclass(getattr(cellstate, name))]
FUNCTIONS = [name for name in cellstate.__all__ if name not in CLASSES]
DOCUMENTED = [f"cellstate.{name}" for name in cellstate.__all__]
DOCUMENTED += [name for owner in CLASSES for name in members(getattr(cellstate, owner))]


def test_names_are_found() -> None:
    assert len(FUNCTIONS) >= 12 and len(DOCUMENTED) > len(cellstate.__all__) + 10


@pytest.mark.parametrize("name", DOCUMENTED)
def test_numpydoc_finds_no_fault(name: str) -> None:
    left_out = LEFT_OUT | (OF_DATACLASSES if name.rpartition(".")[2] in CLASSES else set())
    assert [(code, text) for code, text in validate(name)["errors"] if code not in left_out] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_tells_its_errors(name: str) -> None:
    assert FunctionDoc(getattr(cellstate, name))["Raises"]


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_is_documented_and_every_array_has_a_shape(name: str) -> None:
    owner: Any = getattr(cellstate, name)
    documented = {
        one.strip(): attribute.type for attribute in ClassDoc(owner)["Attributes"] for one in attribute.name.split(",")
    }
    fields = {field.name: str(field.type) for field in dataclasses.fields(owner)}
    assert fields.keys() <= documented.keys()
    shapeless = [field for field, kind in fields.items() if "ndarray" in kind and "shape (" not in documented[field]]
    assert shapeless == []
