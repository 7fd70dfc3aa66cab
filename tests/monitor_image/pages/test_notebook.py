"""report.ipynb: a notebook of the right form whose cells run on the files of a window."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from model_monitor.pages import notebook
from tests.monitor_image.pages.test_report import of


def run(content: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What each code cell shows: the value of its last line, as a kernel in that folder would."""
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    shown = []
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            *lines, last = ast.parse(cell["source"]).body
            assert isinstance(last, ast.Expr)
            exec(compile(ast.Module(lines, []), cell["id"], "exec"), names)
            shown.append(eval(compile(ast.Expression(last.value), cell["id"], "eval"), names))
    return shown


@pytest.mark.parametrize("case", ["broken", "labelled", "quiet"])
def test_its_cells_run_and_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    (tmp_path / "window").mkdir()
    (tmp_path / "window" / "report.json").write_text(json.dumps(of(case)))
    made = tmp_path / "notebooks" / "report.ipynb"
    assert cli.main(["report", str(tmp_path / "window"), "--notebook", str(made)]) == 0
    assert not (tmp_path / "window" / "report.html").exists()
    shown = run(json.loads(made.read_text()), made.parent, monkeypatch)
    html = [each._repr_html_() for each in shown]
    assert of(case)["verdict"] in html[0]
    if case == "broken":
        assert "median 22.85 -&gt; 41.86" in html[1]
        assert html[1].index("violated") < html[1].index("held")
        assert "linear-gradient" in html[2], "bars are drawn"
        assert "Income" not in html[3], "nothing of a restricted feature is drawn"


def test_it_is_of_version_4_5_of_the_format() -> None:
    content = notebook.content("report.json")
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert content["metadata"]["kernelspec"].keys() >= {"name", "display_name"}
    ids = [cell["id"] for cell in content["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in content["cells"]:
        assert re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", cell["id"])
        own = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | own


def test_a_hostile_path_is_a_text_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = tmp_path / '\'); raise SystemExit("x") #'
    hostile.mkdir()
    (hostile / "report.json").write_text(json.dumps(of("quiet")))
    made = notebook.write(hostile, tmp_path / "n.ipynb")
    assert "no_data" in run(json.loads(made.read_text()), tmp_path, monkeypatch)[0].to_string()
