"""What all users share: the model, opened once, and the queue in front of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from cellstate.genes import gene_axis
from cellstate.model import Model, describe_model, load_model
from cellstate.model.folder import default_model_folder
from cellstate.perturb.rivals import rival_maps

#: Folder of another model, and where it runs; the command ``cellstate app`` sets them.
MODEL_VARIABLE, DEVICE_VARIABLE = "CELLSTATE_MODEL", "CELLSTATE_DEVICE"
#: Predictions that run at once; more would only share the same processors and need more memory.
AT_ONCE = 2
_LOOK_AGAIN_S = 0.2


def model() -> Model:
    """Return the model of this server; raises ``ModelError`` if it cannot be opened."""
    folder = os.environ.get(MODEL_VARIABLE) or str(default_model_folder())
    return _open(folder, os.environ.get(DEVICE_VARIABLE, "auto"))


def model_folder_name() -> str:
    """Return the name of the model folder without opening it."""
    return os.path.basename((os.environ.get(MODEL_VARIABLE) or str(default_model_folder())).rstrip("/\\"))


@st.cache_resource(show_spinner="Opening the model …", max_entries=2)
def _open(folder: str, device: str) -> Model:
    opened = load_model(folder, device=device)
    # What is computed at first use is computed now, once, and not in a user's first search.
    rival_maps(opened)
    gene_axis().search("TP53")
    return opened


@st.cache_resource(show_spinner=False, max_entries=2)
def description(_model: Model, folder: str) -> dict:
    """Return `describe_model` of a folder."""
    return describe_model(folder)


class Queue:
    """Lets a few predictions run at once; the others wait and see how many are ahead of them."""

    def __init__(self, at_once: int) -> None:
        self._slots = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._waiting: list[object] = []

    def ahead(self, ticket: object) -> int:
        """Return how many came before."""
        with self._lock:
            return self._waiting.index(ticket)

    @property
    def crowded(self) -> bool:
        """Whether anyone is waiting."""
        with self._lock:
            return bool(self._waiting)

    def take(self, told: Callable[[int], None]) -> None:
        """Wait for a slot; whoever takes one gives it back with `free`.

        Parameters
        ----------
        told : callable
            Receives how many are ahead, again and again while waiting; gives up by raising.
        """
        ticket = object()
        with self._lock:
            self._waiting.append(ticket)
        try:
            # First come, first served: only the one at the front may take a slot.
            while not (self.ahead(ticket) == 0 and self._slots.acquire(timeout=_LOOK_AGAIN_S)):
                ahead = self.ahead(ticket)
                told(ahead)
                if ahead:
                    threading.Event().wait(_LOOK_AGAIN_S)
        finally:
            with self._lock:
                self._waiting.remove(ticket)

    def free(self) -> None:
        """Give a slot back."""
        self._slots.release()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a slot, with a sentence on the page, and hold it inside."""
        place = st.empty()

        def told(ahead: int) -> None:
            place.info(f"The model is busy: {ahead} ahead of you." if ahead else "The model is busy: you are next.")

        try:
            self.take(told)
        finally:
            place.empty()
        try:
            yield
        finally:
            self.free()


@st.cache_resource(show_spinner=False)
def queue() -> Queue:
    """Return the one queue of this server."""
    return Queue(AT_ONCE)
