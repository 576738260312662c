"""A run whose disk or process fails at any write continues to the weights of the run that nothing happened to."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cellstate.errors import CellStateError
from cellstate.model.folder import WEIGHTS
from tests.support.factories import small_config
from tests.unit.train.faults import KILL, KINDS, Faults, Killed, injected
from tests.unit.train.runs import ALONE
from train.callbacks import EPOCHS, STEPS, ProgressDisplay
from train.config import RunConfig
from train.fit import fit
from train.package import fit_effects

#: Every so many writes fail in the shorter walk, each with the next kind of fault.
_STRIDE = 4


class Walk:
    """One run that is started again and again from an older model, and fails at another write each time."""

    def __init__(self, cohort: Path, folder: Path) -> None:
        self.folder, self.target = folder, folder / "runs" / "m"
        config = small_config(cohort, self.target, epochs=2, hide=0.3)
        self.config = replace(config, run=RunConfig(checkpoint_steps=2, keep_checkpoints=2))
        older = folder / "older"
        fit(small_config(cohort, older, epochs=1, seed=4), ALONE, ProgressDisplay(visible=False))
        self.older = older
        self.reset()
        with injected(Faults(self.target.parent)) as faults:
            self.run()
        self.points = faults.points
        self.whole = self.result()

    def reset(self) -> None:
        shutil.rmtree(self.target.parent, ignore_errors=True)
        shutil.copytree(self.older, self.target)

    def run(self) -> dict:
        return fit(self.config, ALONE, ProgressDisplay(visible=False))

    def result(self) -> tuple:
        """Weights, and losses without what a clock says."""
        lines = [json.loads(line) for name in (EPOCHS, STEPS) for line in (self.target / name).read_text().splitlines()]
        losses = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
        return (self.target / WEIGHTS).read_bytes(), losses

    def fail(self, at: int, kind: int) -> None:
        """Fail at a write, then continue; what comes out is what comes out of a run that never failed."""
        self.reset()
        place = f"{self.points[at]} ({at}), {kind}"
        with injected(Faults(self.target.parent, at, kind)) as faults:
            try:
                self.run()
            except CellStateError as error:
                assert "\n" not in str(error) and error.hint, place
            except Killed:
                assert kind == KILL, place
        assert faults.has_struck, place
        places = (self.target, self.target.with_name(".m.old"))
        there = [(one / WEIGHTS).read_bytes() for one in places if (one / WEIGHTS).exists()]
        assert there and set(there) <= {self.whole[0], (self.older / WEIGHTS).read_bytes()}, place
        self.run()
        assert self.result() == self.whole, place
        assert [path.name for path in self.target.parent.iterdir()] == ["m"], place
        assert {path.name for path in self.target.iterdir()} == {path.name for path in self.older.iterdir()}, place


@pytest.fixture(scope="module")
def walk(cohort, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # Most of the time of such a run, and the same in each of them.
        kept: dict[bytes, object] = {}

        def remembered(z_SG, *more):
            key = z_SG.tobytes()
            if key not in kept:
                kept[key] = fit_effects(z_SG, *more)
            return kept[key]

        patch.setattr("train.package.fit_effects", remembered)
        yield Walk(cohort.path, tmp_path_factory.mktemp("walk"))


@pytest.mark.slow
def test_faults_at_every_few_writes(walk):
    assert len(walk.points) >= 100
    tried = range(0, len(walk.points), _STRIDE)
    assert len(tried) >= 30
    for number, at in enumerate(tried):
        walk.fail(at, KINDS[number % len(KINDS)])


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_fault_at_every_write(walk):
    """Another kind than above where both fail."""
    for at in range(len(walk.points)):
        walk.fail(at, KINDS[(at + at // _STRIDE + 1) % len(KINDS)])
