"""What a run will need, in numbers, before a machine is asked for it: memory, exchange, time, strategy.

Every number is a `Figure`: value, unit, formula. The letters of the formulas are those of `train.plan.job.Job.symbols`.
"""

from train.plan.choose import Plan, Run, Strategy, plan
from train.plan.communication import communication
from train.plan.figure import Figure
from train.plan.hardware import Hardware, hardware
from train.plan.job import Job
from train.plan.memory import memory
from train.plan.time import step_time

__all__ = [
    "Figure",
    "Hardware",
    "Job",
    "Plan",
    "Run",
    "Strategy",
    "communication",
    "hardware",
    "memory",
    "plan",
    "step_time",
]
