#!/bin/bash
# Any config on a single GPU.   sbatch train/cluster/slurm-one-gpu.sh CONFIG OUT
# The published network takes 20 GB of a GPU. One process needs no torchrun: the trainer gets Slurm's SIGTERM itself.
#SBATCH --job-name=cellstate
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=1-00:00:00
# As in slurm-12x8-a100.sh: time to save, and a second turn.
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -u
cd "${SLURM_SUBMIT_DIR:-.}"
CONFIG=${1:?which config? sbatch train/cluster/slurm-one-gpu.sh CONFIG OUT}
OUT=${2:?where to? sbatch train/cluster/slurm-one-gpu.sh CONFIG OUT}
source train/cluster/job.sh
begin "$CONFIG" 1

srun --kill-on-bad-exit=1 python -m train fit "$CONFIG" --out "$OUT"
end $? "$OUT"
