#!/usr/bin/env bash
# Checks a GPU in one run of at most 8 minutes: answers against the CPU, and the published network's load, steps,
# FSDP on one rank and all pairs. Writes gpu_check.json (or --out FILE). Needs PyTorch with CUDA; nothing is downloaded.
# Without a GPU: benchmarks/gpu_check.sh --device cpu --small
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python}
[[ -n ${PYTHON:-} || ! -x $root/.venv/bin/python ]] || python=$root/.venv/bin/python
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec timeout --kill-after=10 480 "$python" -m benchmarks.gpu_check "$@"
