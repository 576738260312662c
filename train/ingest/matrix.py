"""A matrix in an HDF5 file, read in blocks of whole columns of chunks, so that no chunk is unpacked twice.

HDF5 unpacks under a global lock, one chunk at a time. Chunks packed with gzip are therefore read packed and unpacked
here, in several threads at once; any other packing is left to HDF5.

Shape suffixes: S samples of a block, F features of the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellstate.errors import ReadError

#: Samples of a block: as many whole chunks as come near the first, never more than the second.
BLOCK, MOST_BLOCK = 128, 2_048
#: Values that are unpacked at once where the file has no chunks.
_PIECE = 8_000_000
#: A chunk is unpacked as a whole.
_LARGEST_CHUNK_BYTES = 256_000_000
_GZIP, _SHUFFLE = 1, 2


@dataclass(frozen=True, eq=False)
class Matrix:
    """Samples by features; ``samples_first`` where the rows of the file's dataset are the samples."""

    dataset: Any
    samples_first: bool

    def __post_init__(self) -> None:
        chunks = self.dataset.chunks
        if chunks and np.prod(chunks, dtype=float) * self.dataset.dtype.itemsize > _LARGEST_CHUNK_BYTES:
            raise ReadError(
                f"{self.dataset.name} is stored in chunks of {chunks[0]:,} x {chunks[1]:,} values, too many to unpack.",
                "Repack it with h5repack, for example in chunks of 2,000 x 100.",
            )

    @property
    def n_samples(self) -> int:
        """Number of samples, S."""
        return int(self.dataset.shape[0 if self.samples_first else 1])

    @property
    def n_features(self) -> int:
        """Number of features, F."""
        return int(self.dataset.shape[1 if self.samples_first else 0])

    def blocks(self) -> list[tuple[int, int]]:
        """Return the ranges of samples (first, end) to read one after the other.

        A chunk of more than `MOST_BLOCK` samples is unpacked once for each of its ranges, to save memory.
        """
        width = self._chunk[1]
        size = min(MOST_BLOCK, width * max(1, BLOCK // width))
        cuts = range(0, self.n_samples, width) if width > MOST_BLOCK else ()
        edges = sorted({*range(0, self.n_samples, size), *cuts})
        return list(zip(edges, [*edges[1:], self.n_samples], strict=True))

    def pieces(self, first: int, end: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first feature, values of shape (some features, end - first)) in the order of the features."""
        height, width = self._chunk
        filters = self._filters()
        for feature in range(0, self.n_features, height):
            parts = [
                self._part(feature, sample, first, end, filters) for sample in range(first // width * width, end, width)
            ]
            yield feature, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    @property
    def _chunk(self) -> tuple[int, int]:
        """Features and samples of a chunk."""
        if self.dataset.chunks is None:
            return max(1, _PIECE // BLOCK), BLOCK
        height, width = self.dataset.chunks[::-1] if self.samples_first else self.dataset.chunks
        return int(height), int(width)

    def _filters(self) -> list[int] | None:
        """Return the filters of a chunk in the order of writing, None where HDF5 must undo them."""
        if self.dataset.chunks is None:
            return None
        plist = self.dataset.id.get_create_plist()
        filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
        return filters if filters in ([_GZIP], [_SHUFFLE, _GZIP]) else None

    def _part(self, feature: int, sample: int, first: int, end: int, filters: list[int] | None) -> np.ndarray:
        """Return what one chunk holds of the samples from first to end, shape (F, S)."""
        height, width = self._chunk
        features = slice(feature, min(feature + height, self.n_features))
        samples = slice(max(first, sample), min(end, sample + width))
        at = (sample, feature) if self.samples_first else (feature, sample)
        whole = _unpacked(self.dataset, at, filters) if filters else None
        if whole is None:
            values = self.dataset[(samples, features) if self.samples_first else (features, samples)]
            return values.T if self.samples_first else values
        if self.samples_first:
            whole = whole.T
        return whole[: features.stop - feature, samples.start - sample : samples.stop - sample]


def _unpacked(dataset: Any, at: tuple[int, int], filters: list[int]) -> np.ndarray | None:
    """Return one whole chunk, or None where it is stored in another way than its neighbours, or not at all."""
    try:
        skipped, packed = dataset.id.read_direct_chunk(at)
    except (OSError, RuntimeError, ValueError):  # a chunk never written, or beyond a cut end: HDF5 reports it
        return None
    if skipped:
        return None
    shape, dtype = dataset.chunks, dataset.dtype
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    try:
        # Growing the buffer would take a third more time.
        data = zlib.decompress(packed, bufsize=n_bytes)
    except zlib.error as error:
        raise _damaged() from error
    if len(data) != n_bytes:
        raise _damaged()
    if _SHUFFLE in filters:
        data = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
    return np.frombuffer(data, dtype).reshape(shape)


def _damaged() -> ReadError:
    return ReadError("A chunk of the HDF5 file is damaged.", "Download the file again.")
