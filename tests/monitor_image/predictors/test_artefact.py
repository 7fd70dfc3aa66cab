"""Model files as predictors: what is read, what is refused, and what it costs."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from model_monitor.errors import BudgetExceeded, PredictorError
from model_monitor.predictors.artefact import ArtefactSource
from model_monitor.predictors.base import Budget, Matrix

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / "build" / "venv" / "models" / "bin" / "python"
LINEAR = {"weights": [2.0, -1.0], "bias": 0.5}
ROWS = Matrix(np.array([[1.0, 2.0], [3.0, 4.0]]), ("a", "b"))


def saved(tmp_path, content, name="model.json"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


def archive(tmp_path, members, name="model.tar.gz"):
    path = tmp_path / name
    with tarfile.open(path, "w:gz") as made:
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return str(path)


def scores(location, rows=ROWS, **options):
    with ArtefactSource(location, **options).open(Budget()) as predictor:
        return predictor.predict(rows).tolist()


def test_a_linear_model_needs_no_library(tmp_path):
    assert scores(saved(tmp_path, LINEAR)) == [[0.5], [2.5]]


def test_a_logistic_model_gives_probabilities_and_several_outputs_are_columns(tmp_path):
    (one,) = {tuple(row) for row in scores(saved(tmp_path, {"weights": [0.0, 0.0], "link": "logit"}))}
    assert one == (0.5,)
    two = {"weights": [[1.0, 0.0], [0.0, 1.0]], "bias": [0.0, 1.0]}
    assert scores(saved(tmp_path, two)) == [[1.0, 3.0], [3.0, 5.0]]


def test_the_published_parameters_of_a_linear_learner_are_a_model(shared):
    location = str(shared / "data" / "adult_clarify" / "model_parameters.json")
    names = tuple(json.loads(Path(location).read_text())["feature_names"])
    record = np.array([[28, 2, 133937, 9, 13, 2, 0, 0, 4, 1, 15024, 0, 55, 37]], float)
    assert scores(location, Matrix(record, names))[0][0] == pytest.approx(0.9899773597717285, abs=1e-6)


def test_a_model_inside_an_archive_is_found(tmp_path):
    content = json.dumps(LINEAR).encode()
    members = {"./model.json": content, "./code/settings.json": b"{}", "./notes.txt": b""}
    assert scores(archive(tmp_path, members)) == [[0.5], [2.5]]
    two = archive(tmp_path, {"a.json": content, "b.json": content})
    with pytest.raises(PredictorError, match="several files that may be the model"):
        scores(two)
    assert scores(two, member="b.json") == [[0.5], [2.5]]


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.json", "xgboost-model"])
def test_pickles_are_refused_whatever_they_are_called(tmp_path, name, monkeypatch):
    monkeypatch.setattr(pickle, "loads", lambda _: pytest.fail("was unpickled"))
    with pytest.raises(PredictorError, match="is a pickle, which runs whatever code it holds"):
        scores(saved(tmp_path, pickle.dumps(LINEAR), name))
    with pytest.raises(PredictorError, match="is a pickle"):
        scores(archive(tmp_path, {name: pickle.dumps(LINEAR)}))


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (b"hello", "model.bin", "of no known format"),
        ({"weights": ["x"]}, "model.json", "should hold weights"),
        ({"weights": [1.0, 2.0], "link": "probit"}, "model.json", "link should be"),
        (b"no archive", "model.tar.gz", "is no readable archive"),
        ({"weights": [1.0]}, "model.json", "takes 1 features, the payload has 2"),
        ({"weights": [1.0, 2.0], "feature_names": ["b", "a"]}, "model.json", "in another order"),
    ],
)
def test_what_cannot_be_a_model_is_told(tmp_path, content, name, problem):
    with pytest.raises(PredictorError, match=problem):
        scores(saved(tmp_path, content, name))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(PredictorError, match=r"the model file is not there. Check predictor\.artefact"):
        scores(str(tmp_path / "none.onnx"))


@pytest.mark.parametrize(("name", "library"), [("m.onnx", "onnxruntime"), ("m.skops", "skops"), ("m.ubj", "xgboost")])
def test_a_library_that_is_not_installed_is_named_with_its_layer(tmp_path, name, library, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    monkeypatch.setitem(__import__("sys").modules, f"{library}.io", None)
    with pytest.raises(PredictorError, match=rf"needs {library}, which is not installed.*requirements-models\.txt"):
        scores(saved(tmp_path, b"{L", name))


def test_text_is_refused_by_name_where_a_model_takes_numbers(tmp_path):
    rows = Matrix(np.array([[1.0, "red"], [None, 2.0]], object), ("a", "colour"))
    with pytest.raises(PredictorError, match="takes numbers only, found text in 'colour'"):
        scores(saved(tmp_path, LINEAR), rows)


def test_rows_count_against_the_budget_and_calls_do_not(tmp_path):
    budget = Budget(predictions=5, calls=0)
    with ArtefactSource(saved(tmp_path, LINEAR)).open(budget) as predictor:
        predictor.predict(ROWS)
        predictor.predict(ROWS)
        with pytest.raises(BudgetExceeded, match=r"budget\.predictions: the declared 5"):
            predictor.predict(ROWS)
    assert (budget.spent_predictions, budget.spent_calls) == (4, 0)


# --- with the image's optional layer -----------------------------------------------------------------------------------

TRAINED = """
import json, sys
import numpy as np
from pathlib import Path
from model_monitor.errors import PredictorError
from model_monitor.predictors.artefact import ArtefactSource
from model_monitor.predictors.base import Budget, Matrix

folder = Path(sys.argv[1])
chance = np.random.default_rng(1)
x = chance.normal(size=(200, 3))
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)
rows = Matrix(x[:5], ("a", "b", "c"))

def ask(path, **options):
    with ArtefactSource(str(path), **options).open(Budget()) as predictor:
        return predictor.predict(rows)

def xgboost_models():
    import xgboost
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(x, y), 5)
    for name in ("m.json", "m.ubj"):
        booster.save_model(folder / name)
        assert np.allclose(ask(folder / name)[:, 0], booster.predict(xgboost.DMatrix(x[:5])), atol=1e-7), name
    several = xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(x, y), 2)
    several.save_model(folder / "several.json")
    assert ask(folder / "several.json").shape == (5, 3)
    missing = Matrix(np.where(x[:5] > 1, np.nan, x[:5]), rows.names)
    with ArtefactSource(str(folder / "m.json")).open(Budget()) as predictor:
        assert np.allclose(predictor.predict(missing)[:, 0], booster.predict(xgboost.DMatrix(missing.values)), atol=1e-7)
    (folder / "broken.json").write_text("{}")
    try:
        ask(folder / "broken.json")
    except PredictorError as error:
        assert "XGBoost cannot read it" in str(error)

def skops_models():
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    skops.io.dump(model, folder / "m.skops")
    assert np.allclose(ask(folder / "m.skops")[:, 0], model.predict_proba(x[:5])[:, 1])
    assert np.array_equal(ask(folder / "m.skops", output="prediction")[:, 0], model.predict(x[:5]))
    import model_monitor.predictors.linear as linear
    odd = make_pipeline(FunctionTransformer(linear.is_linear), LogisticRegression())
    skops.io.dump(odd, folder / "odd.skops")
    try:
        ask(folder / "odd.skops")
        raise SystemExit("an unknown type was trusted")
    except PredictorError as error:
        assert "types that are not trusted: model_monitor.predictors.linear.is_linear" in str(error), error

def named_columns():
    import pandas, skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    frame = pandas.DataFrame({"colour": ["red", "blue"] * 20, "size": np.arange(40.0)})
    encoded = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    model = make_pipeline(encoded, LogisticRegression(max_iter=1000)).fit(frame, (frame["size"] > 18).astype(int))
    skops.io.dump(model, folder / "named.skops")
    cells = Matrix(np.array([["red", 3.0], ["blue", 30.0]], object), ("colour", "size"))
    with ArtefactSource(str(folder / "named.skops")).open(Budget()) as predictor:
        found = predictor.predict(cells)
    expected = model.predict_proba(pandas.DataFrame({"colour": ["red", "blue"], "size": [3.0, 30.0]}))[:, 1]
    assert np.allclose(found[:, 0], expected)

def onnx_models():
    path = folder / "m.onnx"
    path.write_bytes(bytes.fromhex(sys.argv[2]))
    found = ask(path)
    assert np.allclose(found[:, 0], (x[:5] @ [2.0, -1.0, 0.5]).astype(np.float32), atol=1e-6), found
    path.write_bytes(b"no model")
    try:
        ask(path)
        raise SystemExit("a broken model was read")
    except PredictorError as error:
        assert "the ONNX runtime cannot read it" in str(error), error

for case in sys.argv[3:]:
    globals()[case]()
    print(case)
"""


def field(number, content):
    """One field of a protocol buffer: bytes and texts by length, whole numbers as varints."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value):
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def onnx_of(weights):
    """A model of one matrix product, written by hand: `scores = features @ weights`."""
    dimension = lambda size: field(1, field(1, size) if size else field(2, "rows"))  # noqa: E731 - dim_value or dim_param
    shape = lambda *sizes: field(2, b"".join(map(dimension, sizes)))  # noqa: E731 - of a tensor type
    value = lambda name, *sizes: field(1, name) + field(2, field(1, field(1, 1) + shape(*sizes)))  # noqa: E731
    tensor = field(1, len(weights)) + field(1, 1) + field(2, 1) + field(8, "weights")
    tensor += field(9, np.array(weights, "<f4").tobytes())
    node = field(1, "features") + field(1, "weights") + field(2, "scores") + field(4, "MatMul")
    graph = field(1, node) + field(2, "g") + field(5, tensor)
    graph += field(11, value("features", 0, len(weights))) + field(12, value("scores", 0, 1))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


CASES = ["xgboost_models", "skops_models", "named_columns", "onnx_models"]


@pytest.mark.slow
def test_models_of_the_optional_layer_say_here_what_their_library_says(tmp_path):
    """And no library reports to its maker: the ONNX runtime's telemetry begins by a file in the user's folder.

    One process for all: the libraries take longer to be imported than to be asked.
    """
    if not MODELS.is_file():
        pytest.skip("models environment not installed")
    home = tmp_path / "home"
    home.mkdir()
    told_nothing = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    done = subprocess.run(
        [str(MODELS), "-c", TRAINED, str(tmp_path), onnx_of([2.0, -1.0, 0.5]).hex(), *CASES],
        env=told_nothing | {"PYTHONPATH": str(ROOT / "monitor_image"), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.split() == CASES
    assert [path.name for path in home.rglob("*") if "onnx" in path.name.lower()] == []
