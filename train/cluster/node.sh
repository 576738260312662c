#!/bin/bash
# One node of a run: torchrun, and SIGTERM for the trainers alone. srun starts it once a node.
#
# A trainer that gets SIGTERM finishes its step, saves together with all others, and exits 0. torchrun does not: it
# hands SIGTERM on to the trainers, kills them after 30 s (--shutdown-timeout), and ends with a traceback and status 1
# however well they ended (PyTorch 2.13). So SIGTERM is kept from torchrun and goes to its children instead. When they
# have all exited 0, so does torchrun, and so does this script.
#
# Slurm signals this script alone where it tracks processes by cgroup, and every process where it does not. Either way
# each trainer saves once: a second SIGTERM is ignored, as torchrun's ignoring it is inherited.
set -u

# Ignored from here on, and by what is started from here.
trap '' TERM
torchrun \
  --nnodes="${SLURM_NNODES:-1}" \
  --nproc-per-node="${GPUS_PER_NODE:-1}" \
  --rdzv-backend=c10d \
  --rdzv-endpoint="$RENDEZVOUS" \
  --rdzv-id="$SLURM_JOB_ID" \
  --max-restarts="${MAX_RESTARTS:-3}" \
  --signals-to-handle=SIGINT,SIGHUP,SIGQUIT \
  -m train fit "$@" &
agent=$!

signalled=0
hand_on() {
  signalled=1
  pkill -TERM -P "$agent"
}
trap hand_on TERM

# A signal ends a wait; what is waited for goes on.
wait "$agent"
status=$?
while [ "$signalled" -eq 1 ]; do
  signalled=0
  wait "$agent"
  status=$?
done
exit "$status"
