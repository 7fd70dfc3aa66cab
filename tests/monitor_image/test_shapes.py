"""Thousands of small files and one large file are the same data: put together, cut at line ends, read to the last record."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import capture
from model_monitor.contract import JobKind
from model_monitor.dataset.discover import discover
from model_monitor.dataset.units import plan
from model_monitor.flow import Profile, profile_unit
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.runners import local
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Schema

pytestmark = pytest.mark.xdist_group("shapes")  # files are made once

RECORDS, FILES = 3000, 300
OUTPUT = OutputMapping(prediction="label", score="score", payload_index="payload_index")
SCHEMA = Schema(tuple(map(Feature, capture.COLUMNS)), PayloadMapping(output=OUTPUT))


@pytest.fixture(scope="module")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = capture.Recipe(
        RECORDS, records_per_file=RECORDS // FILES, null_rate=0.02, wrong_type_rate=0.01, is_quoted=True
    )
    return capture.write(recipe, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def one_file(small_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return capture.join(small_files, tmp_path_factory.mktemp("large"))


def profile(root: Path, unit_bytes: int, workers: int) -> tuple[int, Profile]:
    """Units and the merged profile of a capture tree."""
    source = DatasetSource(root, DatasetKind.CAPTURE)
    job = Job(JobKind.MONITOR, source, root, schema=SCHEMA)
    units = plan(discover(source), unit_bytes)
    return len(units), local.run(partial(profile_unit, job=job), units, Profile.empty(job), workers)


def test_small_files_are_put_together_and_large_ones_cut(small_files: Path, one_file: Path) -> None:
    together, of_small = profile(small_files, 16 << 20, 1)
    cut, of_large = profile(one_file, 64 << 10, 2)
    assert (together, cut > 10) == (1, True)
    for read in (of_small, of_large):
        assert (read.reading.records, read.reading.events, read.reading.rejects.count) == (RECORDS, FILES, 0)
    for one, other in zip(of_small.parts[0].features, of_large.parts[0].features, strict=True):
        np.testing.assert_array_equal(one.kinds, other.kinds)
        assert (one.numbers.moments.minimum, one.numbers.moments.maximum) == (
            other.numbers.moments.minimum,
            other.numbers.moments.maximum,
        )
        assert one.numbers.moments.mean == pytest.approx(other.numbers.moments.mean, rel=1e-12)
        assert one.texts.counts == other.texts.counts
