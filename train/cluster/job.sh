# What both Slurm scripts begin and end with; they source this file. It does nothing by itself.

# begin CONFIG GPUS: the environment, and the plan; a config with an error ends the job here, before a GPU waits for it.
begin() {
  # A virtual environment of this checkout (make test, or python -m venv): no container is needed.
  source "${VENV:-.venv}/bin/activate"
  # PyTorch takes as many threads as there are cores, in each of a node's processes.
  export OMP_NUM_THREADS=$((${SLURM_CPUS_PER_TASK:-8} / ${GPUS_PER_NODE:-1}))
  # srun no longer takes this from the job by itself (since Slurm 22.05).
  export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-8}
  python -m train plan "$1" --gpus "$2" --gpus-per-node "${GPUS_PER_NODE:-1}" --hardware "${HARDWARE:-a100-80g}" \
    --json >/dev/null || exit $?
}

# end STATUS OUT: a run that ended well and is not whole was interrupted, and goes on in a new turn of the same job.
end() {
  local partial="$(dirname "$2")/.$(basename "$2").partial"
  if [ "$1" -ne 0 ]; then
    echo "The run failed with status $1; its last checkpoint is in $partial. sbatch again to continue." >&2
    exit "$1"
  fi
  if [ ! -d "$partial" ]; then
    echo "The run is finished: $2"
    exit 0
  fi
  if [ "${SLURM_RESTART_COUNT:-0}" -ge "${MAX_TURNS:-100}" ]; then
    echo "The run was interrupted ${SLURM_RESTART_COUNT} times: sbatch again to continue." >&2
    exit 1
  fi
  echo "The run was interrupted and has saved a checkpoint; it is queued again."
  scontrol requeue "$SLURM_JOB_ID"
}
