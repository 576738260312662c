"""Write the two tables that were fixed before anything was fitted to the human bulk corpus.

    python data/corpora/human_bulk/build.py human_bulk.h5 data/cohorts/coadread/samples.tsv

`samples.tsv.gz` gives each sample a tissue and a state, from the names and labels in the file alone (no expression
value is read). `splits.tsv` gives each data set a component and a split. Data sets belong to one component
where they share a series, a project whose patients cannot be told apart by name, a TCGA patient or a GTEx donor; a
component is never divided. Patients of the colorectal test sets and of the examples get the split ``excluded``: they
are left out of every fit.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter, defaultdict
from pathlib import Path

import h5py

HERE = Path(__file__).parent
EXAMPLES = ("TCGA-AA-3502", "TCGA-AA-3530", "TCGA-AA-A00R", "TCGA-AG-3601", "TCGA-AZ-6600", "TCGA-DY-A1DF")
NEWER, OLDER = "TumorDecon/coadread-newer-sequencer", "TumorDecon/coadread-older-sequencer"

#: Data sets of one series, laboratory or project: TCGA and GTEx files without patient names may repeat patients.
TOGETHER = (
    ("tcga-kidney-chromophobe", ("RNAseqDB/kich-tcga", "RNAseqDB/kich-tcga-t", "RNAsum/KICH")),
    ("tcga-cholangiocarcinoma", ("RNAseqDB/chol-tcga-t", "RNAseqDB/chol-tcga", "RNAsum/CHOL")),
    ("tcga-colorectal", ("RNAseqDB/coad-tcga", "RNAseqDB/read-tcga", "RNAseqDB/read-tcga-t", NEWER, OLDER)),
    ("tcga-bladder", ("RNAseqDB/blca-tcga", "omics_TCGA-BLCA")),
    ("tcga-liver", ("RNAseqDB/lihc-tcga", "trgn_sun")),
    ("tcga-lung", ("RNAseqDB/luad-tcga", "RNAseqDB/lusc-tcga", "trgn_lusc", "moonlight_luad")),
    ("tcga-stomach", ("RNAseqDB/stad-tcga", "R/rtcga_STAD")),
    ("tcga-uterine-carcinosarcoma", ("RNAseqDB/ucs-tcga-t", "RNAsum/UCS")),
    ("tcga-breast", ("pa_er", "pa_her2")),
    (
        "gtex",
        (
            *(f"RNAseqDB/{t}-gtex" for t in ("bladder", "cervix", "kidney", "salivary", "uterus", "breast")),
            *("R/yarn_skin", "R/damirseq_SE"),
        ),
    ),
    ("hpa", ("gh/kircherlab+cfDNA:RNAtableExtended", "gh/kircherlab+cfDNA:RNAtableBlood", "R/barzine_uhlen")),
    ("fshd", ("gh/Hirriririir+Myopathy-Spectrum", "FSHD/GSE115650", "FSHD/GSE56787")),
    ("gse64655", ("tidybulk_immune", "hoek_pbmc")),
    (
        "gse107218",
        ("gh/caleblareau+lin28b-bcl11a-HbF:GSE107218", "gh/caleblareau+lin28b-bcl11a-HbF:AdCB-TPM"),
    ),
    ("hapmap-lines", ("lcl_cheung", "lcl_montgomery", "lcl_pickrell", "geuvadis6")),
)
TEST = (
    *("CRC/GSE146009", "CRC/GSE74369", "ccrcc", "mirit_thyroid", "pln_lung", "hugo", "racle"),
    *("R/barzine_brawand", "R/barzine_ibm", "R/barzine_castle", "finotello_pbmc", "newman_wb", "griss_b"),
    *("gh/compgenomr+compGenomRData:SRP021193", "metaseq_breast", "RNAseqDB/kirp-tcga", "RNAseqDB/ucec-tcga"),
    "gh/Oshlack+ALLSorts",
)
VALIDATION = (
    *("monaco_pbmc", "gse60424", "RNAseqDB/cesc-tcga", "RNAseqDB/esca-tcga", "li_lncap", "RNAseqDB/blca-tcga"),
    *("omics_TCGA-BLCA", "RNAseqDB/kirc-tcga", "R/outdeco", "tidybulk_immune", "hoek_pbmc"),
)

#: Tissue and state of whole data sets: (data sets, tissue, state). Names decide where a data set is mixed.
_WHOLE = {
    "bladder": (
        ("RNAseqDB/bladder-gtex", "normal"),
        ("RNAseqDB/blca-tcga", "adjacent normal"),
        ("omics_TCGA-BLCA", "tumour"),
    ),
    "cervix": (("RNAseqDB/cervix-gtex", "normal"), ("RNAseqDB/cesc-tcga", "adjacent normal")),
    "bile duct": (("RNAseqDB/chol-tcga-t", "tumour"), ("RNAsum/CHOL", "tumour")),
    # What is beside a cholangiocarcinoma is mostly liver.
    "liver": (
        ("RNAseqDB/chol-tcga", "adjacent normal"),
        ("RNAseqDB/lihc-tcga", "adjacent normal"),
        ("trgn_sun", "tumour"),
    ),
    "colon": (
        *((name, "adjacent normal") for name in ("RNAseqDB/coad-tcga", "RNAseqDB/read-tcga")),
        *((name, "tumour") for name in ("RNAseqDB/read-tcga-t", NEWER, OLDER)),
    ),
    "oesophagus": (("RNAseqDB/esca-tcga", "adjacent normal"),),
    "stomach": (("RNAseqDB/stad-tcga", "adjacent normal"), ("R/rtcga_STAD", "tumour")),
    "head and neck": (("RNAseqDB/hnsc-tcga", "adjacent normal"),),
    "kidney": (
        *((f"RNAseqDB/{name}", "adjacent normal") for name in ("kich-tcga", "kirp-tcga", "kirc-tcga")),
        *(("RNAseqDB/kidney-gtex", "normal"), ("RNAseqDB/kich-tcga-t", "tumour"), ("RNAsum/KICH", "tumour")),
    ),
    "lung": (
        *((f"RNAseqDB/{name}", "adjacent normal") for name in ("lusc-tcga", "luad-tcga")),
        *(("trgn_lusc", "tumour"), ("moonlight_luad", "tumour")),
    ),
    "prostate": (("RNAseqDB/prad-tcga", "adjacent normal"),),
    "thyroid": (("RNAseqDB/thca-tcga", "adjacent normal"),),
    "uterus": (
        *(("RNAseqDB/ucec-tcga", "adjacent normal"), ("RNAseqDB/uterus-gtex", "normal")),
        *(("RNAseqDB/ucs-tcga-t", "tumour"), ("RNAsum/UCS", "tumour")),
    ),
    "salivary gland": (("RNAseqDB/salivary-gtex", "normal"),),
    "breast": (("RNAseqDB/breast-gtex", "normal"), ("pa_er", "tumour"), ("pa_her2", "tumour")),
    "adrenal gland": (("RNAsum/ACC", "tumour"),),
    "eye": (("RNAsum/UVM", "tumour"),),
    "lymphoid": (("RNAsum/DLBC", "tumour"),),
    "pancreas": (("RNAsum/TEST", "tumour"),),
    "brain": (("GBM-htseq", "tumour"), ("R/damirseq_SE", "normal")),
    "blood": (
        *((n, "normal") for n in ("finotello_pbmc", "gse60424", "hoek_pbmc", "monaco_pbmc", "newman_wb")),
        # Families with a TAF1 syndrome: blood, carriers and relatives not told apart by name.
        *(("R/outdeco", "unknown"), ("gh/ratan-lab+AgeAtDiagnosis", "tumour")),
    ),
    "bone marrow": (("R/seamless_exampleTCGA", "tumour"), ("gh/Oshlack+ALLSorts", "tumour")),
    "skin": (("R/yarn_skin", "normal"), ("hugo", "tumour"), ("racle", "tumour"), ("omics_TCGA-SKCM", "tumour")),
    "heart": (("gh/ChristieKh+bulk-rnaseq-heart-failure", "disease"),),
    "cardiomyocytes": (("R/top2i", "cells"),),
    "dendritic cells": (("gh/jdblischak+tb-suscept", "cells"),),
    "macrophages": (("macrophage", "cells"),),
    "erythroid cells": (
        *((f"gh/caleblareau+lin28b-bcl11a-HbF:{name}", "cells") for name in ("GSE107218", "AdCB-TPM")),
    ),
    "B cells": (("griss_b", "cells"),),
    "lymphoblastoid line": (
        *((n, "cell line") for n in ("lcl_cheung", "lcl_montgomery", "lcl_pickrell", "geuvadis6")),
    ),
    "airway smooth muscle": (("airway", "cells"),),
    "endometrial stroma": (("TumorDecon/GSE87692", "cells"),),
    "cell line": (("li_lncap", "cell line"), ("metaseq_breast", "cell line")),
    "skeletal muscle": (("FSHD/GSE115650", "mixed"), ("FSHD/GSE56787", "mixed")),
    "unknown": (("R/olivia_rnaseq_count_matrix", "unknown"),),
}
WHOLE = {dataset: (tissue, state) for tissue, rows in _WHOLE.items() for dataset, state in rows}

#: Names of tissue panels -> tissue. A name that is none of these keeps itself, in lower case.
_PANEL = {
    "adipose": "adipose tissue",
    "adipose tissue": "adipose tissue",
    "adrenal": "adrenal gland",
    "urinarybladder": "bladder",
    "urinary bladder": "bladder",
    "leukocyte": "blood",
    "total pbmc": "blood",
    "granulocytes": "granulocytes",
    "monocytes": "monocytes",
    "b-cells": "B cells",
    "t-cells": "T cells",
    "nk-cells": "NK cells",
    "dendritic cells": "dendritic cells",
    "skeletal muscle": "skeletal muscle",
    "heart muscle": "heart",
    "heart": "heart",
    "colon": "colon",
    "rectum": "colon",
    "cervix, uterine": "cervix",
    "esophagus": "oesophagus",
    "tongue": "head and neck",
    "retina": "eye",
    "lymph node": "lymphoid",
    "tonsil": "lymphoid",
    "spleen": "spleen",
    "appendix": "appendix",
    "thyroid gland": "thyroid",
    "thyroid": "thyroid",
}
_BRAIN = (
    *("amygdala", "basal ganglia", "brain", "cerebellum", "cerebral cortex", "corpus callosum", "cortex", "frontal"),
    *("hippocampal formation", "hypothalamus", "midbrain", "olfactory region", "pons and medulla", "prefrontal"),
    *("spinal cord", "temporal", "thalamus"),
)
_PANELS = ("R/barzine_uhlen", "R/barzine_brawand", "R/barzine_ibm", "R/barzine_castle")
#: Sorted blood cells of the Human Protein Atlas; those not named here are T cells.
_BLOOD_CELLS = {
    "basophil": "granulocytes",
    "eosinophil": "granulocytes",
    "neutrophil": "granulocytes",
    "classical_monocyte": "monocytes",
    "intermediate_monocyte": "monocytes",
    "non_classical_monocyte": "monocytes",
    "myeloid_DC": "dendritic cells",
    "plasmacytoid_DC": "dendritic cells",
    "naive_B_cell": "B cells",
    "memory_B_cell": "B cells",
}
_SORTED = {
    "b_cell": "B cells",
    "dendritic_myeloid": "dendritic cells",
    "monocyte": "monocytes",
    "neutrophil": "granulocytes",
    "natural_killer": "NK cells",
    "t_cell": "T cells",
}


#: Tumours with the normal tissue beside them: tissue, and how the names of the normal samples begin.
_PAIRED = {
    "CRC/GSE146009": ("colon", "N"),
    "CRC/GSE74369": ("colon", "N"),
    "ccrcc": ("kidney", "N"),
    "mirit_thyroid": ("thyroid", "NTH"),
    "pln_lung": ("lung", "N"),
}


def tissue_and_state(dataset: str, name: str, label: str, given: str) -> tuple[str, str]:
    """Return tissue and state of one sample by its data set, its name and the labels of the file."""
    if dataset in WHOLE:
        return WHOLE[dataset]
    if dataset in _PANELS:
        return _panel(name.rstrip("0123456789").strip().lower()), "normal"
    if dataset.endswith("RNAtableExtended"):
        return ("cell line", "cell line") if given == "cell line" else (_panel(name.lower()), "normal")
    if dataset.endswith("RNAtableBlood"):
        return _BLOOD_CELLS.get(name, "T cells"), "normal"
    if dataset == "tidybulk_immune":
        return _SORTED[name.partition(":")[2]], "normal"
    if dataset in _PAIRED:
        tissue, normal = _PAIRED[dataset]
        return tissue, "adjacent normal" if name.startswith(normal) else "tumour"
    if dataset.endswith("SRP021193"):
        return "heart", "normal" if name.startswith("CTRL") else "disease"
    if dataset.endswith("Myopathy-Spectrum"):
        return "skeletal muscle", "normal" if "Control" in name else "mixed"
    raise SystemExit(f"no rule for {dataset} {name} ({label}, {given})")


def _panel(name: str) -> str:
    return "brain" if name in _BRAIN else _PANEL.get(name, name)


def excluded_patients(cohort_table: Path) -> set[str]:
    """Return the colorectal cohort's test patients, by its own split, and the patients of the example profiles."""
    with cohort_table.open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["patient"] for row in rows if row["split"] in ("test", "older_test")} | set(EXAMPLES)


def main(corpus: Path, cohort_table: Path) -> None:
    """Read names and labels of the corpus and the patients of the colorectal cohort; write both tables."""
    with h5py.File(corpus) as file:
        dataset_names = [text.decode() for text in file["dataset_names"][:]]
        datasets = [dataset_names[i] for i in file["dataset_index"][:]]
        names, labels, states, groups = (
            [text.decode() for text in file[key][:]] for key in ("sample", "tissue_class", "state", "group")
        )
    component = {name: key for key, members in TOGETHER for name in members}
    component = {name: component.get(name, name) for name in dataset_names}
    shared = defaultdict(set)
    for dataset, group in zip(datasets, groups, strict=True):
        shared[group].add(component[dataset])
    if any(len(found) > 1 for found in shared.values()):
        raise SystemExit("a patient or donor stands in two components")
    split = {
        name: "test" if name in TEST else "validation" if name in VALIDATION else "train" for name in dataset_names
    }
    for key in set(component.values()):
        if len({split[name] for name in dataset_names if component[name] == key}) > 1:
            raise SystemExit(f"component {key} is divided")
    excluded = excluded_patients(cohort_table)
    lines = ["row\tdataset\tsample\tgroup\ttissue\tstate\tsplit"]
    for row, (dataset, name, label, given, group) in enumerate(
        zip(datasets, names, labels, states, groups, strict=True)
    ):
        tissue, state = tissue_and_state(dataset, name, label, given)
        its_split = "excluded" if group[:12] in excluded else split[dataset]
        own_group = "" if "|" in group else group
        lines.append(f"{row}\t{dataset}\t{name}\t{own_group}\t{tissue}\t{state}\t{its_split}")
    text = "\n".join(lines) + "\n"
    (HERE / "samples.tsv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    counts = Counter(datasets)
    table = [f"{name}\t{component[name]}\t{split[name]}\t{counts[name]}" for name in dataset_names]
    (HERE / "splits.tsv").write_text("\n".join(["dataset\tcomponent\tsplit\tn_samples", *table]) + "\n")
    (HERE / "excluded_patients.txt").write_text("\n".join(sorted(excluded)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
