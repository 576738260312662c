"""How much memory the app takes when it has used both shipped models, and processor time until its first page stands.

One scripted user uploads a colorectal tumour, another a profile that the base model drew of another tissue; each is
judged by the model that fits it, and one gene is knocked out with every method.
"""

from __future__ import annotations

import io

import numpy as np

from benchmarks.app_client import Client
from benchmarks.app_server import serving
from benchmarks.app_users import PERTURB, SAMPLE
from benchmarks.report import at_most, measured
from cellstate import load_model, read_samples
from cellstate.errors import CellStateError
from cellstate.evaluation.model_choice import BASE, propose_model
from cellstate.evidence import Criterion
from cellstate.files import resource_path
from cellstate.model.cohort import load_profiles
from cellstate.model.folder import shipped_models

TUMOUR, GENE = "TCGA-AA-3502-01.tpm.tsv.gz", "MYC"
MOST_GB = 1.2


def measure(*, quick: bool) -> list[Criterion]:
    """Return what the first page costs, and the resident memory of the server then, with one model, and with both."""
    tumour = (resource_path("data", "examples") / TUMOUR).read_bytes()
    with serving() as server, Client(server.port) as client:
        start, processor = server.resident_bytes(), server.processor_s()
        _knock_out(client, TUMOUR, tumour)
        one = server.resident_bytes()
        with Client(server.port) as another:
            _knock_out(another, "other.tsv", _of_another_tissue())
            both = server.resident_bytes()
    return [
        measured("processor_first_page", processor, "s"),
        measured("memory_first_page", start / 1e9, "GB"),
        measured("memory_with_one_model", one / 1e9, "GB"),
        at_most("memory_with_both_models", both / 1e9, "GB", MOST_GB),
    ]


def _knock_out(client: Client, name: str, data: bytes) -> None:
    client.go(SAMPLE)
    client.upload(next(client.elements("file_uploader")), name, data)
    client.go(PERTURB)
    client.type("gene-query", GENE)
    client.click("add")
    if errors := client.errors():
        raise CellStateError(f"The page says: {errors[0]}", "Look at it in the app.")


def _of_another_tissue() -> bytes:
    """Return a file of the base model's first profile that the base model fits best."""
    model = load_model(shipped_models()[BASE], device="cpu")
    profiles = load_profiles(model)
    assert profiles is not None
    for log1p_G in profiles.log1p_SG:
        out = io.StringIO()
        out.write("gene\tother\n")
        tpm_G = np.expm1(log1p_G)
        out.writelines(
            f"{ensembl}\t{tpm:.5f}\n"
            for ensembl, tpm in zip(model.space.ensembl, tpm_G / tpm_G.sum() * 1e6, strict=True)
        )
        data = out.getvalue().encode()
        found = propose_model(read_samples(data, name="other.tsv"))
        if found is not None and found.model == BASE and found.call.is_plausible:
            return data
    raise CellStateError("No profile fits the base model.", "Train it again.")
