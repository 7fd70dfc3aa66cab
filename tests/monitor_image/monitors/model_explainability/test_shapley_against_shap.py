"""Our Shapley values against the shap library's, on random models, in an environment of shap's own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
SHAP = ROOT / "build" / "venv" / "shap" / "bin" / "python"
SCRIPT = """
import json, sys
import numpy as np
import shap
from model_monitor.monitors.model_explainability import shapley
from model_monitor.monitors.model_explainability.attributions import Choices, Method, explain
from model_monitor.sketches.hashes import mixed

def errors_of(seed):
    chance = np.random.default_rng(seed)
    errors = {}

    def difference(name, ours, theirs):
        errors[name] = float(np.abs(ours - theirs).max())

    for features, outputs, baselines in ((4, 1, 1), (7, 2, 3), (9, 3, 2)):
        first, second = chance.normal(size=(features, 5)), chance.normal(size=(5, outputs))
        rows, others = chance.normal(size=(6, features)), chance.normal(size=(baselines, features))
        keys = mixed(np.arange(len(rows), dtype=np.uint64))
        model = lambda cells: np.tanh(cells @ first) @ second
        explainer = shap.KernelExplainer(model, others)
        theirs = np.moveaxis(np.asarray(explainer.shap_values(rows, nsamples=2**features, l1_reg=0, silent=True)), 2, 1)
        expected = model(others).mean(axis=0)
        difference(f"expected {features}", expected, explainer.expected_value)
        difference(f"exact {features}", shapley.exact(model, rows, others, expected), theirs)
        estimate = shapley.kernel(model, rows, others, expected, keys, samples=2**features)
        difference(f"all coalitions {features}", estimate, theirs)

    probability = lambda cells: 1 / (1 + np.exp(-np.tanh(cells @ first) @ second[:, :1]))
    explainer = shap.KernelExplainer(lambda cells: probability(cells)[:, 0], others[:1], link="logit")
    theirs = explainer.shap_values(rows, nsamples=2**features, l1_reg=0, silent=True)
    found = explain(probability, rows, keys, others[:1], Choices(use_logit=True))
    assert found.method is Method.EXACT
    difference("logit", found.values[:, 0], theirs)
    difference("logit expected", found.expected[0], explainer.expected_value)

    features = 16
    first, second = chance.normal(size=(features, 5)) / 2, chance.normal(size=(5, 1))
    rows, others = chance.normal(size=(30, features)), chance.normal(size=(1, features))
    keys = mixed(np.arange(len(rows), dtype=np.uint64))
    expected = model(others).mean(axis=0)
    truth = shapley.exact(model, rows, others, expected)[:, 0]
    explainer = shap.KernelExplainer(lambda cells: model(cells)[:, 0], others)
    theirs = explainer.shap_values(rows, nsamples=600, l1_reg=0, silent=True)
    ours = shapley.kernel(model, rows, others, expected, keys, samples=600)[:, 0]
    size = np.abs(truth).mean()
    errors["our error over shap's"] = float(np.abs(ours - truth).mean() / np.abs(theirs - truth).mean())
    errors["our error over the size of values"] = float(np.abs(ours - truth).mean() / size)
    return errors

print(json.dumps([errors_of(int(seed)) for seed in sys.argv[1:]]))
"""


SEEDS = ("1", "2", "3")


@pytest.mark.slow
def test_shap_finds_the_same_values() -> None:
    """One process for all models: its library takes longer to be imported than to be asked."""
    if not SHAP.is_file():
        pytest.skip("shap environment not installed")
    done = subprocess.run(
        [str(SHAP), "-c", SCRIPT, *SEEDS],
        env=os.environ | {"PYTHONPATH": str(ROOT / "monitor_image")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(SEEDS)
    for errors in found:
        # both draw: as close to the truth as shap, from as many coalitions
        assert errors.pop("our error over shap's") < 1.15
        assert errors.pop("our error over the size of values") < 0.1
        assert {name: error for name, error in errors.items() if error > 1e-8} == {}
        assert len(errors) == 11
