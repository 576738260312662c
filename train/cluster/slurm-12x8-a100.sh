#!/bin/bash
# The published run: 12 nodes of 8 A100.   sbatch train/cluster/slurm-12x8-a100.sh [CONFIG] [OUT]
# Run it in the checkout. Account, partition and quality of service are your site's: sbatch --account=... ...
# Another number of nodes: sbatch --nodes=4 ...; losses stay the same, the global batch decides them.
#SBATCH --job-name=poster-geo
#SBATCH --nodes=12
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --mem=0
#SBATCH --exclusive
#SBATCH --time=08:00:00
# SIGTERM goes to the running step 5 to 6 minutes before the time is up; pre-emption sends the same signal. A step takes
# well under a second; writing the checkpoint of 14 GB is what needs the time.
#SBATCH --signal=TERM@300
# A job whose node fails, or that is pre-empted, is queued again and continues from its last checkpoint.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -u
cd "${SLURM_SUBMIT_DIR:-.}"
CONFIG=${1:-train/configs/poster-geo.toml}
OUT=${2:-runs/poster-geo}
export GPUS_PER_NODE=8
source train/cluster/job.sh
begin "$CONFIG" $((SLURM_NNODES * GPUS_PER_NODE))

# All nodes meet at the first one. A job has its nodes to itself, so the port is free.
RENDEZVOUS="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):29500"
export RENDEZVOUS

# No NCCL setting: it finds NVLink and InfiniBand by itself. If a node has several Ethernet ports and the start hangs,
# name the one that reaches the others: export NCCL_SOCKET_IFNAME=... (NCCL_DEBUG=INFO says which were taken).

# --kill-on-bad-exit: one node that fails ends the others, which would wait for it. --wait=0: the first node measures
# the finished model after the others are done, however long that takes.
srun --kill-on-bad-exit=1 --wait=0 bash train/cluster/node.sh "$CONFIG" --out "$OUT"
end $? "$OUT"
