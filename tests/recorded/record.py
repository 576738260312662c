"""Record the answers anew.

    OMP_NUM_THREADS=1 python -m tests.recorded.record --because "REASON"

The recorded answers say that a change of structure changed no number. Recording them anew gives that up, so it needs a
reason (new weights, a corrected formula), and the reason belongs in the message of the commit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

ANSWERS = Path(__file__).with_name("answers.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--because", required=True, metavar="REASON", help="why the numbers may change")
    options = parser.parse_args()
    from tests.recorded.questions import everything

    found = everything()
    np.savez_compressed(ANSWERS, **found)  # type: ignore[arg-type]
    print(f"{len(found):,} answers, {ANSWERS.stat().st_size / 1e6:.2f} MB in {ANSWERS}, because {options.because}")


if __name__ == "__main__":
    main()
