"""130 tissues, blood cells and cell lines of the Human Protein Atlas, for training on more than tumours.

Shape suffixes: S samples, A genes of the axis, F features of the file.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import urllib.request
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from cellstate.cohorts.store import Cohort, CohortContent, ReportLine, get_or_store, sum_genes
from cellstate.errors import DataError
from cellstate.expression.units import TPM_TOTAL
from cellstate.genes import gene_axis

HPA_URL = (
    "https://raw.githubusercontent.com/kircherlab/cfDNA/7e10fcc90d3f9ec836ce0f19eb5ee60efd11bc97/"
    "resources/protein_atlas/RNAtableExtended.tsv.gz"
)
#: Checksum of the unpacked table, because a gzip file also contains the time of packing.
HPA_SHA256 = "fddcad35d1a8b1efb40a5abda4145220d2c610bf5af95b89aa507ba117606513"
#: Columns before this one are cell lines; this one and later ones are tissues and blood cells.
FIRST_TISSUE = "adipose tissue"
HINT = "Give --from FILE: RNAtableExtended.tsv.gz, made from the tables on www.proteinatlas.org/about/download."
_TIMEOUT_S = 60


def get_hpa(
    out: Path | str, *, source: Path | str | None = None, report_progress: ReportLine = lambda _: None
) -> Cohort:
    """Download or import, check and store the consensus table; see `get_or_store`.

    All profiles are for training: some cell lines are nearly identical and would be on both sides of a split.

    Parameters
    ----------
    out : path
        Folder of the stored cohort.
    source : path, optional
        RNAtableExtended.tsv, packed or not, if it is on disk. By default, it is downloaded.
    report_progress : callable
        Called with each line of progress.

    Raises
    ------
    DataError
        When the table cannot be downloaded, has another checksum, or the folder has other content.
    """

    def make(_: Path) -> CohortContent:
        report_progress("fetching the table (3 MB)" if source is None else f"reading {source}")
        text = _unpacked(_fetch(source))
        if hashlib.sha256(text).hexdigest() != HPA_SHA256:
            raise DataError("The table is not the pinned one: its checksum differs.", HINT, code="wrong_checksum")
        return _clean(pd.read_csv(io.BytesIO(text), sep="\t", index_col=0))

    return get_or_store(out, HPA_SHA256, make, report_progress)


def _clean(raw: pd.DataFrame) -> CohortContent:
    names = [str(c) for c in raw.columns]
    level_SA = sum_genes(raw.to_numpy(np.float32).T, gene_axis().resolve(raw.index).index)
    # The levels were normalised between profiles (trimmed mean of M values) and scaled per gene, so the total of a
    # profile has no meaning. All profiles are therefore scaled by the same factor.
    tpm_SA = level_SA * (TPM_TOTAL * len(names) / np.nansum(level_SA, dtype=np.float64))
    kinds = np.where(np.arange(len(names)) < names.index(FIRST_TISSUE), "cell line", "tissue or blood cells")
    about = {
        "name": "Human Protein Atlas, tissues and cell lines",
        "source": HPA_URL,
        "licence": "CC BY-SA 4.0",
        "attribution": "Human Protein Atlas, www.proteinatlas.org (Uhlén et al., Science 347:1260419, 2015)",
        "unit": "consensus normalised expression (NX), one factor for all profiles: a million in the mean",
    }
    table = pd.DataFrame({"name": names, "patient": names, "batch": kinds, "split": "train"})
    return CohortContent(tpm_SA.astype(np.float32), table, about)


def _fetch(source: Path | str | None) -> bytes:
    try:
        if source is not None:
            return Path(source).read_bytes()
        with urllib.request.urlopen(HPA_URL, timeout=_TIMEOUT_S) as response:
            return response.read()
    except OSError as error:
        if source is not None:
            raise DataError(f"{source} cannot be read.", HINT, code="missing_file") from error
        raise DataError(
            f"The Human Protein Atlas table could not be fetched: {error}.", HINT, code="download_failed"
        ) from error


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("The packed table is damaged.", HINT, code="damaged_file") from error
