"""Let a package be called as the function that it is named after.

``cellstate.perturb`` is both a room of the house and the one thing a user does with it. Binding the function over the
package would break ``import cellstate.perturb.edits as edits``; so the package itself is made callable.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def make_callable(package: str, function: Callable[..., Any]) -> None:
    """Make ``package(...)`` call ``function(...)``, with its signature and documentation."""

    class CallablePackage(ModuleType):
        __wrapped__ = staticmethod(function)  # what `inspect.signature` and `help` show

        def __call__(self, *arguments: Any, **options: Any) -> Any:
            return function(*arguments, **options)

    sys.modules[package].__class__ = CallablePackage
