"""What `fit` and `finetune` take alike."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TypeVar

from train.config import TrainConfig
from train.finetune import FinetuneConfig

Config = TypeVar("Config", TrainConfig, FinetuneConfig)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add where a run reads, writes and computes."""
    parser.add_argument("--out", metavar="DIR", help="model folder (default: the config's)")
    parser.add_argument("--data", metavar="DIR", help="stored cohort or ingested store (default: the config's)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--fresh", action="store_true", help="forget an interrupted run instead of continuing it")


def moved(config: Config, options: argparse.Namespace) -> Config:
    """Return the config with the folders that the options name."""
    if options.out:
        config = replace(config, output=replace(config.output, folder=options.out))
    if options.data:
        place = "cohort" if config.data.cohort else "store"
        config = replace(config, data=replace(config.data, **{place: options.data}))
    return config
