"""The benchmark's own parts: the same data every time, honest cells, pages that follow from the committed results."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as bench, capacity, capture, cells, function, headlines, jobs, labels, measure, publish
from benchmarks.capture import Recipe
from benchmarks.labels import LabelRecipe
from model_monitor.labels.label_files import label_files
from model_monitor.labels.label_reader import read_ground_truth

SMALL = Recipe(200, records_per_file=50, null_rate=0.02, wrong_type_rate=0.05, is_quoted=True)


def digest(folder: Path) -> str:
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*.jsonl")):
        state.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return state.hexdigest()


@pytest.mark.parametrize("payload", ["csv", "json_columns", "json_records", "jsonlines"])
def test_the_generator_writes_the_same_bytes_every_time(tmp_path: Path, payload: str) -> None:
    recipe = Recipe(200, payload, records_per_file=50)
    assert digest(capture.write(recipe, tmp_path / "a")) == digest(capture.write(recipe, tmp_path / "b"))
    other = Recipe(200, payload, records_per_file=50, seed=8)
    assert digest(capture.write(other, tmp_path / "c")) != digest(capture.write(recipe, tmp_path / "a"))


def test_data_is_made_once_and_anew_for_another_recipe(tmp_path: Path) -> None:
    root = capture.write(SMALL, tmp_path)
    marker = next(root.rglob("*.jsonl"))
    marker.write_text("kept")
    assert next(capture.write(SMALL, tmp_path).rglob("*.jsonl")).read_text() == "kept"
    assert len(list(capture.write(Recipe(100), tmp_path).rglob("*.jsonl"))) == 1


def test_joined_files_hold_the_same_events_as_their_parts(tmp_path: Path) -> None:
    root = capture.write(SMALL, tmp_path / "parts")
    whole = capture.join(root, tmp_path / "whole")
    parts = b"".join(path.read_bytes() for path in sorted(root.rglob("*.jsonl")))
    assert [path.read_bytes() for path in whole.rglob("*.jsonl")] == [parts]


@pytest.mark.parametrize("per_line", ["event", "record"])
def test_every_record_gets_one_label_in_a_random_order_that_is_the_same_every_time(
    tmp_path: Path, per_line: str
) -> None:
    root = capture.write(Recipe(200, records_per_file=50), tmp_path / "data")
    recipe = LabelRecipe("data", per_line, hours=3)
    written = labels.write(recipe, root, tmp_path / "a")
    assert digest(written) == digest(labels.write(recipe, root, tmp_path / "b"))
    truth = read_ground_truth(label_files(written))
    assert (len(truth), truth.repeats, truth.rejects.count) == (200, 0, 0)
    lines = [line for path in sorted(written.rglob("*.jsonl")) for line in path.read_text().splitlines()]
    assert len(lines) == (20 if per_line == "event" else 200)
    found = list(dict.fromkeys(json.loads(line)["eventMetadata"]["eventId"] for line in lines))
    captured = [
        json.loads(line)["eventMetadata"]["inferenceId"]
        for path in sorted(root.rglob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    assert sorted(found) == sorted(captured)
    assert found != captured


def test_labels_are_made_once_and_anew_for_another_recipe(tmp_path: Path) -> None:
    root = capture.write(Recipe(20), tmp_path / "data")
    for path in labels.write(LabelRecipe("data"), root, tmp_path).rglob("*.jsonl"):
        path.write_text("kept")
    assert {path.read_text() for path in labels.write(LabelRecipe("data"), root, tmp_path).rglob("*.jsonl")} == {"kept"}
    anew = labels.write(LabelRecipe("data", hours=2), root, tmp_path)
    assert [path.read_text() == "kept" for path in anew.rglob("*.jsonl")] == [False, False]


def test_the_labelled_baseline_is_the_plain_one_with_two_more_columns(tmp_path: Path) -> None:
    plain = capture.write_baseline(tmp_path, rows=50)
    lines = labels.write_baseline(plain, tmp_path).read_text().splitlines()
    assert lines[0].endswith(",said,truth")
    assert [line.rsplit(",", 2)[0] for line in lines] == plain.read_text().splitlines()


def test_a_cell_is_met_when_its_value_is_on_the_right_side() -> None:
    ratio, speedup = jobs.Against("a", "ratio", "native", 8), jobs.Against("a", "speed", "pandas", 2.5, is_speedup=True)
    assert [cells.cell(ratio, value, "x", 3)["met"] for value in (8, 8.1)] == [True, False]
    assert [cells.cell(speedup, value, "x", 3)["met"] for value in (2.5, 2.4)] == [True, False]
    assert cells.cell(jobs.Limit("a", "shown only", "wall", None), 5, "s", 3)["met"] is None
    assert list(cells.cell(ratio, 1, "x", 3))[:7] == ["job", "measure", "value", "unit", "runs", "must", "met"]


def test_a_missing_tool_is_named_and_counts_as_neither_met_nor_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.Bench, "_build_native", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(bench.Bench, "_prepare_baselines", lambda _: None)
    wanted = [ratio for ratio in jobs.RATIOS if ratio.other in ("native", "spark")]
    monkeypatch.setattr(jobs, "RATIOS", wanted)
    monkeypatch.setattr(jobs, "LIMITS", ())
    found = list(bench.Bench().cells())
    assert [(one["job"], one["met"], one["value"]) for one in found] == [(ratio.job, None, None) for ratio in wanted]
    assert "g++" in cells.table(found)
    assert "Java" in cells.table(found)


def test_a_job_measured_again_replaces_its_cells_alone() -> None:
    old = [cells.cell(ratio, 1, "x", 3) for ratio in jobs.RATIOS]
    new = [cells.cell(jobs.RATIOS[0], 2, "x", 5)]
    both = cells.merged(old, new)
    assert [one["measure"] for one in both] == [ratio.measure for ratio in jobs.RATIOS]
    assert [one["value"] for one in both] == [2] + [1] * (len(old) - 1)


def test_growth_follows_from_two_peaks() -> None:
    peaks = [cells.cell(limit, value, "MB", 3) for limit, value in zip(jobs.LIMITS[:2], (300, 390), strict=True)]
    growth = cells.merged([], peaks)[-1]
    assert (growth["measure"], growth["value"], growth["met"]) == (jobs.GROWTH.measure, 1.3, False)


def test_runs_are_interleaved_after_one_that_is_not_counted(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    commands = [([sys.executable, "-c", f"print({name!r})"], frozenset({0})) for name in "ab"]
    runs = measure.interleaved(commands, 2, log)
    assert log.read_text().split() == ["a", "b"] * 3
    assert [len(series) for series in runs] == [2, 2]


def test_a_command_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="status 3"):
        measure.interleaved([([sys.executable, "-c", "raise SystemExit(3)"], frozenset({0}))], 1, tmp_path / "log.txt")


def test_every_job_has_data_and_a_known_opponent() -> None:
    assert {ratio.other for ratio in jobs.RATIOS} <= {
        "native",
        "polars",
        "duckdb",
        "pandas",
        "whylogs",
        "spark",
        "shap",
        "smclarify",
        "exact",
        "run",
        "python_reader",
        "local",
        *jobs.DATA,
    }
    assert set(jobs.names()) <= {*jobs.DATA, *jobs.JOINED, *jobs.LABELLED, *jobs.ANALYSES, *jobs.SAME, *jobs.SYNTHS}
    assert {recipe.capture for recipe in jobs.LABELLED.values()} <= jobs.DATA.keys()


def test_an_analysis_times_itself_and_does_the_work_before_it_tells(tmp_path: Path) -> None:
    command = [sys.executable, *jobs.analysis_command("kernel_shap", "ours")[1:]]
    assert 0 < measure.told(command, tmp_path / "log")["seconds"] < 10
    with pytest.raises(SystemExit, match="ended with status 3"):
        measure.told([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log")


def test_the_command_line_tells_the_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--list"]) == 0
    assert capsys.readouterr().out.split() == list(jobs.names())


def test_a_function_tells_medians_of_its_first_answer_its_second_and_its_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = iter([(9.0, 9.0, 9.0), (1.0, 0.1, 0.03), (3.0, 0.3, 0.01), (2.0, 0.2, 0.02)])  # the first is not counted
    monkeypatch.setattr(function.Function, "seconds", lambda _: function.Seconds(*next(runs)))
    assert object.__new__(function.Function).medians(3) == (2.0, 0.2, 0.02)


# --- the pages -----------------------------------------------------------------------------------------------------------


def test_the_committed_pages_follow_from_the_committed_results() -> None:
    results, machine = publish.published_results()
    readme = publish.README.read_text()
    assert publish.with_headlines(readme, results, machine) == readme
    assert capacity.page(results, machine, json.loads(publish.PRICES.read_text())) == publish.PAGE.read_text()


def test_the_table_names_every_cell_whether_it_was_measured_or_not() -> None:
    wanted = [(one.job, one.measure) for one in (*jobs.RATIOS, *jobs.LIMITS, jobs.GROWTH)]
    assert all(f"| {job} | {measure} | not measured |" in cells.table([]) for job, measure in wanted)
    assert all(f"| {job} | {measure} |" in publish.PAGE.read_text() for job, measure in wanted)


def test_the_five_figures_of_the_readme_are_those_of_the_cells() -> None:
    results, _ = publish.published_results()
    rows = [row.split(" | ") for row in headlines.table(results).splitlines()[2:]]
    assert len(rows) == 5
    wanted = {
        ("join_1m", headlines.JOIN): ("wall_s", "{:.1f} s"),
        ("csv_10m", "peak PSS"): ("value", "{:.0f} MB"),
        ("small_window", "wall"): ("value", "{:.2f} s"),
        ("startup", "entry point to first byte read"): ("value", "{:.2f} s"),
    }
    found = {place: cells.find(results, *place) for place in (*wanted, ("csv_1m", headlines.SPARK))}
    assert [row[1] for row in rows[1:]] == [form.format(found[place][name]) for place, (name, form) in wanted.items()]
    assert f"Spark SQL {found['csv_1m', headlines.SPARK]['value']:.0f} times as long" in rows[0][2]


def test_a_figure_tells_the_range_of_its_medians_and_leaves_out_what_was_not_measured() -> None:
    pairs = [ratio for ratio in jobs.RATIOS if ratio.job == "csv_1m"][:2]
    found = [cells.cell(ratio, 1.5, "x", 3, wall_s=seconds) for ratio, seconds in zip(pairs, (1.04, 1.96), strict=True)]
    first, *rest = headlines.table(found).splitlines()[2:]
    assert first.endswith("| 1.0 to 2.0 s | 1.5 times a native scan of the files |")
    assert all("| not measured |" in row for row in rest)


def test_a_page_without_the_two_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match="bench:start"):
        publish.with_headlines("# a page\n", *publish.published_results())


def test_money_and_time_follow_from_rates_and_prices() -> None:
    rates = capacity.Rates(fixed_s=0.5, million_s=2.0, peak_mb=400, small_s=0.6, payloads={})
    runner = capacity.Runner("four cores", 4, 16_000, per_second=0.01, start_s=100)
    assert runner.wall_s(10_000_000, rates) == pytest.approx(100 + 0.5 + 10)
    assert runner.cost(10_000_000, rates) == pytest.approx(1.105)
    assert rates.memory_mb(4) == 800
    assert runner.fits(runner.most_records(rates) - 1, rates)
    assert not runner.fits(runner.most_records(rates) + 1_000_000, rates)


def test_a_function_is_one_process_whatever_its_memory() -> None:
    prices = json.loads(publish.PRICES.read_text())
    prices["lambda"]["memory_mb"] = [885, 1769, 10240]
    cores = [runner.cores for runner in capacity.runners(prices) if runner.name.startswith("Lambda")]
    assert cores == [pytest.approx(0.5, abs=0.01), 1.0, 1.0]


def test_a_page_without_its_cells_is_refused() -> None:
    with pytest.raises(capacity.Unmeasured, match="csv_1m"):
        capacity.Rates.of([])


def test_measured_commands_keep_their_compiled_modules(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "module_of_ours.py").write_text("")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import module_of_ours"]
    assert measure.once(command, tmp_path / "log.txt").status == 0
    assert list((tmp_path / "__pycache__").glob("module_of_ours.*.pyc"))
