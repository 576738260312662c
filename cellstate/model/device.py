"""Where a network runs and in which precision."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import torch

from cellstate.errors import ModelError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(wanted: str = "auto") -> torch.device:
    """Return CUDA, then MPS, then CPU for ``"auto"``, or the device asked for if the machine has it."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"This machine has no device {wanted!r}.", "Use auto or cpu.") from error
    return device


def pick_dtype(wanted: str, stored: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the precision asked for; ``"auto"`` keeps the stored one.

    Float16 on a CPU is the exception: weights may be stored in it to be small, but they are computed with as float32.
    """
    if wanted == "auto":
        return torch.float32 if stored == torch.float16 and device.type == "cpu" else stored
    if wanted not in DTYPES:
        raise ModelError(f"There is no precision {wanted!r}.", f"Use auto, {', '.join(DTYPES)}.")
    return DTYPES[wanted]


def dtype_name(dtype: torch.dtype) -> str:
    """Return ``"float32"`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def device_label(device: torch.device) -> str:
    """Return what to show a user, for example ``"GPU (NVIDIA A100)"`` or ``"CPU (8 threads)"``."""
    if device.type == "cuda":
        return f"GPU ({torch.cuda.get_device_name(device)})"
    n = torch.get_num_threads()
    return "GPU (Apple)" if device.type == "mps" else f"CPU ({n} thread{'s' * (n != 1)})"


def release_memory() -> None:
    """Hand freed memory back to the system; the C library of Linux otherwise keeps what lies between live pieces."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
