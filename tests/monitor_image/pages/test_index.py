"""index.html: how an endpoint stands, since when, hour by hour; of several endpoints the worst first; and the history behind it."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from demo.__main__ import drawn
from model_monitor import cli
from model_monitor.api import draw_index
from model_monitor.errors import SettingsError
from model_monitor.pages import history, index, report, stretches, trends
from tests.conftest import ROOT
from tests.monitor_image.pages.test_report import HOSTILE, Page, of

DAY = datetime(2026, 3, 2, tzinfo=UTC)
SECRET = "secret-of-a-person"


def stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def window(hour: int, verdict: str = "ok", endpoint: str = "shop", **more: Any) -> dict[str, Any]:
    """A report of an hour: of the healthy golden case, or of the broken one."""
    case = {"ok": "healthy", "violated": "broken"}.get(verdict, "quiet")
    content = copy.deepcopy(of(case))
    start = DAY + timedelta(hours=hour)
    times = {"start": stamp(start), "end": stamp(start + timedelta(hours=1))}
    about = {"endpoint": endpoint, "schedule": f"{endpoint}-data", "window": times, "verdict": verdict}
    return content | about | {"error": {"message": "broken."} if verdict == "error" else None} | more


def put(folder: Path, reports: Sequence[dict[str, Any]]) -> None:
    """Where runs leave them."""
    for content in reports:
        place = folder / content["endpoint"] / content["window"]["start"].replace(":", "")
        place.mkdir(parents=True, exist_ok=True)
        (place / "report.json").write_text(json.dumps(content))


def seen(path: Path) -> Page:
    found = Page(path.read_text())
    assert not found.open, "every tag is closed"
    return found


def links(page: Page) -> list[str]:
    return [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]


# --- one schedule --------------------------------------------------------------------------------------------------------------


def test_a_person_learns_how_it_stands_since_when_and_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, [window(0), window(1, "violated"), window(2), window(3, "violated"), window(4, "no_data")])
    put(tmp_path, [window(5, "violated"), window(6, "no_data")])
    text = seen(index.write(tmp_path)).text
    assert "Violated Violated since 2026-03-02 03:00 UTC, in 2 windows in a row." in text
    assert "wrong types in Elevation; drift of Slope" in text
    assert "The last window, 2026-03-02 06:00: no traffic." in text
    assert "Have the data mended where it comes from" in text
    assert "2 no violation" not in text.split("Hour by hour")[0]
    assert "2 no violation, 3 violated, 2 no traffic" in text


def test_reports_in_a_folder_that_is_linked_are_found(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", [window(0), window(1, "violated")])
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/2026").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "reports/latest").symlink_to(tmp_path / "gone")
    put(tmp_path / "reports/_site", [window(2)])
    text = seen(index.write(tmp_path / "reports")).text
    assert "2 no violation, 1 violated" in text
    assert "latest: a link that leads nowhere" in text


def test_every_window_is_a_field_of_the_calendar_that_leads_to_its_page(tmp_path: Path) -> None:
    put(tmp_path, [window(0), window(1, "error"), window(25, "violated")])
    page = index.write(tmp_path)
    cells = [a for tag, a in seen(page).tags if tag == "a" and str(a.get("class", "")).startswith("cell")]
    assert [cell["aria-label"] for cell in cells] == [
        "2026-03-03 01:00 Violated",
        "2026-03-02 00:00 No violation",
        "2026-03-02 01:00 Failing",
    ]
    for cell in cells:
        target = page.parent / unquote(str(cell["href"]))
        assert target.name == "report.html"
        assert target.is_file()
    of_the_second = (page.parent / unquote(str(cells[2]["href"]))).read_text()
    assert "Failing since 2026-03-02 01:00 UTC, in this window alone so far." in of_the_second


def test_an_hour_of_several_windows_shows_the_worst() -> None:
    quarter = {"start": "2026-03-02T00:15:00Z", "end": "2026-03-02T00:30:00Z"}
    runs = [history.run_of(each, "x") for each in (window(0, "violated"), window(0) | {"window": quarter})]
    ((day, hours),) = index._calendar([run for run in runs if run], Path(), Path())
    assert day == "2026-03-02"
    assert [cell.verdict for cell in hours if cell] == ["violated"]


def test_another_baseline_is_marked_where_it_begins(tmp_path: Path) -> None:
    reports = [window(0), window(1), window(2)]
    for content, version in zip(reports, ("v1", "v1", "v2"), strict=True):
        content["monitors"][0]["baseline"]["version"] = version
    put(tmp_path, reports)
    page = index.write(tmp_path)
    assert "2026-03-02 02:00: baseline v1 → v2" in seen(page).text
    marks = [a["d"] for tag, a in seen(page).tags if tag == "path" and a["class"] == "mark"]
    assert marks == [f"M{trends.WIDTH - trends.EDGE}.0 0V{trends.HEIGHT}"]


def test_a_metric_has_its_trend_with_its_limit(tmp_path: Path) -> None:
    put(tmp_path, [window(0), window(1, "violated")])
    text = seen(index.write(tmp_path)).text
    assert "drift max data quality · last 0.6393, limit 0.1000 · violated in 1 of 2 windows" in text


def test_a_rehearsal_changes_nothing_of_how_it_stands(tmp_path: Path) -> None:
    put(tmp_path, [window(0), window(1, "violated", rehearsal=True)])
    text = seen(index.write(tmp_path)).text
    assert "No violation since 2026-03-02 00:00 UTC" in text
    assert "Violated (a rehearsal)" in text


def test_a_line_is_cut_where_windows_are_missing() -> None:
    points = [trends.Point(hour * 3600, 1.0, 2.0, False) for hour in (0, 1, 2, 9, 10)]
    found = trends.drawn(points, 0, 36000)
    assert found.line.count("M") == found.limit.count("M") == 2
    assert (found.low, found.high) == (1.0, 2.0)
    assert found.held.count("M") == 5
    assert found.violated == ""
    alone = trends.drawn([trends.Point(0, 3.0, None, True)], 0, 0)
    assert (alone.low, alone.high, alone.limit) == (2.5, 3.5, "")


# --- several -------------------------------------------------------------------------------------------------------------------


def test_of_several_endpoints_the_worst_comes_first_each_with_a_page(tmp_path: Path) -> None:
    put(tmp_path, [window(hour, endpoint="calm", monitors=[]) for hour in range(60)])
    put(tmp_path, [window(0, "violated", "sick"), window(0, "error", "dead"), window(0, "no_data", "idle")])
    page = index.write(tmp_path)
    found = seen(page)
    names = [name for name in ("dead", "sick", "calm", "idle") if f"{name}-data" in found.text]
    assert names == sorted(names, key=lambda name: found.text.index(f"{name}-data"))
    assert "2 of 4 need a look" in found.text
    put(tmp_path, [window(0, "insufficient_data", "blind")])
    assert "3 of 5 need a look" in seen(index.write(tmp_path)).text
    assert "48 no violation; last window 2026-03-04 11:00" in found.text
    for name in names:
        own = tmp_path / "schedules" / f"{name}-data.html"
        assert f"schedules/{name}-data.html" in links(found)
        assert "../index.html" in links(seen(own))
        for link in links(seen(own)):
            assert (own.parent / unquote(link)).is_file()


def unnamed(hour: int, verdict: str = "ok") -> dict[str, Any]:
    """As a laptop leaves it."""
    return window(hour, verdict, endpoint="", schedule="")


def put_unnamed(folder: Path, *reports: dict[str, Any]) -> None:
    """As `monitor --every 1h` does."""
    for content in reports:
        place = folder / datetime.fromisoformat(content["window"]["start"]).strftime("%Y/%m/%d/%H")
        place.mkdir(parents=True)
        (place / "report.json").write_text(json.dumps(content))


def test_without_names_of_endpoints_each_folder_is_a_section_and_no_report_is_lost(tmp_path: Path) -> None:
    put_unnamed(tmp_path / "good", unnamed(0), unnamed(1), unnamed(2))
    put_unnamed(tmp_path / "bad", unnamed(0), unnamed(1, "violated"))
    for _ in range(2):  # read from the reports, then from the history
        text = seen(index.write(tmp_path)).text
        assert "1 of 2 need" in text
        assert re.search(r"\bbad Violated since 2026-03-02 01:00 .* 1 no violation, 1 violated;", text)
        assert re.search(r"\bgood No violation since .* 3 no violation;", text)
    assert "Model monitor" in seen(index.write(tmp_path / "bad")).text, "of one folder the section needs no name"


def test_windows_in_folders_of_their_own_are_one_section_unless_two_are_of_one_time(tmp_path: Path) -> None:
    for name, content in {"monday": unnamed(0), "tuesday": unnamed(24), "again": unnamed(24, "violated")}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(content))
        sections = {(run.endpoint, run.verdict) for run in index._look(tmp_path, tmp_path, ()).runs}
        if name == "tuesday":
            assert sections == {("", "ok")}
    assert sections == {("", "ok"), ("tuesday", "ok"), ("again", "violated")}


# --- since when -----------------------------------------------------------------------------------------------------------------


def violating(hour: int, *subjects: str) -> dict[str, Any]:
    """A window in which these features drifted, and nothing else."""
    content = window(hour, "violated" if subjects else "ok")
    like = next(check for check in of("broken")["monitors"][0]["checks"] if check["outcome"] == "violated")
    drift = like | {"check_type": "baseline_drift_check", "sentence": "differs"}
    content["monitors"][0]["checks"] = [drift | {"subject": subject} for subject in subjects]
    return content


def test_each_violation_has_a_time_of_its_own_and_another_cause_is_no_part_of_it(tmp_path: Path) -> None:
    put(tmp_path, [violating(3), violating(4, "income"), window(5, "error"), violating(6, "sku", "age")])
    put(tmp_path, [violating(7, "age", "sku"), violating(8, "sku", "city")])
    text = seen(index.write(tmp_path)).text
    assert (
        "Violated since 2026-03-02 06:00 UTC, in 3 windows in a row: drift of sku; "
        "since 2026-03-02 08:00 UTC, in this window alone so far: drift of city." in text
    )
    pages = {name: seen(tmp_path / "shop" / f"2026-03-02T{name}0000Z" / "report.html").text for name in ("07", "08")}
    assert "Violated since 2026-03-02 06:00 UTC, in 2 windows in a row." in pages["07"]
    assert "sku: differs (since 2026-03-02 06:00 UTC, in 3 windows in a row)" in pages["08"]
    assert "city: differs (since 2026-03-02 08:00 UTC, in this window alone so far)" in pages["08"]


def test_a_page_drawn_again_below_an_index_still_says_since_when(tmp_path: Path) -> None:
    put(tmp_path, [violating(6, "sku"), violating(7, "sku", "age")])
    index.write(tmp_path)
    page = tmp_path / "shop" / "2026-03-02T070000Z" / "report.html"
    drawn_first = page.read_text()
    page.unlink()
    assert report.write(page.parent).read_text() == drawn_first
    assert "in 2 windows in a row" in drawn_first
    (page.parent / "report.json").write_text(json.dumps(violating(7)))
    assert "in a row" not in seen(report.write(page.parent)).text, "the index knows another report"


def test_rows_from_before_each_violation_was_kept_are_read_anew(tmp_path: Path) -> None:
    put(tmp_path, [violating(6, "sku"), violating(7, "sku")])
    index.write(tmp_path)
    (part,) = (tmp_path / "history" / "runs").rglob("part.parquet")
    pq.write_table(pq.read_table(part, partitioning=None).drop_columns(["violated"]), part)
    assert "in 2 windows in a row" in seen(index.write(tmp_path)).text
    assert "violated" in pq.read_schema(part).names


# --- the history ---------------------------------------------------------------------------------------------------------------


def test_the_history_is_read_by_date_with_documented_columns(tmp_path: Path) -> None:
    put(tmp_path, [window(23), window(24, "violated")])
    index.write(tmp_path)
    runs = ds.dataset(tmp_path / "history" / "runs", partitioning="hive").to_table().to_pylist()
    assert [(row["date"], row["verdict"], row["violations"], row["causes"]) for row in runs] == [
        ("2026-03-02", "ok", 0, ""),
        ("2026-03-03", "violated", 2, "data_type_check, baseline_drift_check"),
    ]
    metrics = ds.dataset(tmp_path / "history" / "metrics", partitioning="hive").to_table()
    assert metrics.filter(ds.field("outcome") == "violated").column("metric").to_pylist() == ["drift_max"]
    for name, columns in (("runs", history.RUN_COLUMNS), ("metrics", history.METRIC_COLUMNS)):
        schema = pq.read_schema(tmp_path / "history" / name / "date=2026-03-02" / "part.parquet")
        assert schema.names == list(columns)
        assert all(field.metadata[b"comment"] for field in schema)


def test_the_page_about_reports_lists_every_column() -> None:
    page = (ROOT / "docs" / "reports.md").read_text()
    for name, columns in (("runs", history.RUN_COLUMNS), ("metrics", history.METRIC_COLUMNS)):
        table = page.split(f"| `{name}` | |")[1].split("\n\n")[0]
        listed = [
            each
            for row in table.splitlines()
            if row.startswith("| `")
            for each in re.findall("`(.*?)`", row.split("|")[1])
        ]
        assert sorted(listed) == sorted(columns)


def test_a_date_is_written_anew_and_only_where_something_changed(tmp_path: Path) -> None:
    put(tmp_path, [window(0), window(24)])
    index.write(tmp_path)
    first, second = (tmp_path / "history" / "runs" / f"date=2026-03-0{day}" / "part.parquet" for day in (2, 3))
    before = first.read_bytes()
    os.utime(first, ns=(1, 1))
    put(tmp_path, [window(25, "violated")])
    index.write(tmp_path)
    assert first.stat().st_mtime_ns == 1, "nothing of that date changed"
    assert pq.read_table(second).num_rows == 2
    put(tmp_path, [window(25, "ok")])
    index.write(tmp_path)
    assert pq.read_table(second).column("verdict").to_pylist() == ["ok", "ok"], "a window has one row"
    assert first.read_bytes() == before


def test_reports_that_are_known_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, [window(0), window(1)])
    index.write(tmp_path)
    third = window(2)
    read: list[Path] = []
    real = report.read
    monkeypatch.setattr(report, "read", lambda path: read.append(path) or real(path))
    put(tmp_path, [third])
    index.write(tmp_path)
    assert [path.parent.name for path in read] == ["2026-03-02T020000Z"]


def test_a_row_outlives_its_report(tmp_path: Path) -> None:
    put(tmp_path, [window(0, "violated"), window(1)])
    index.write(tmp_path)
    for path in (tmp_path / "shop" / "2026-03-02T000000Z").iterdir():
        path.unlink()
    found = seen(index.write(tmp_path))
    assert "1 no violation, 1 violated" in found.text
    assert not [link for link in links(found) if "T000000Z" in unquote(link)]


def test_of_two_runs_of_a_window_the_later_counts() -> None:
    early, late = window(0, "violated"), window(0)
    early["run"], late["run"] = {"finished": "2026-03-02T01:20:00Z"}, {"finished": "2026-03-02T03:00:00Z"}
    runs = [history.run_of(late, "b"), history.run_of(early, "a")]
    assert [run.verdict for run in history.latest(run for run in runs if run)] == ["ok"]


# --- what it is made of --------------------------------------------------------------------------------------------------------


def test_hostile_names_show_as_text_and_lead_nowhere_else(tmp_path: Path) -> None:
    content = window(0, "violated")
    content["endpoint"] = content["schedule"] = HOSTILE
    for check in content["monitors"][0]["checks"]:
        check["subject"] = HOSTILE
    content["monitors"][0]["baseline"]["version"] = HOSTILE
    for place in ("javascript:alert(1)", "b\"onclick='x"):
        (tmp_path / place).mkdir()
    (tmp_path / "javascript:alert(1)" / "report.json").write_text(json.dumps(content))
    (tmp_path / "b\"onclick='x" / "report.json").write_text(json.dumps(window(0, endpoint="../../etc")))
    for page in (index.write(tmp_path), *(tmp_path / "schedules").iterdir()):
        html, found = page.read_text(), seen(page)
        assert not {"script", "link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in found.tags}
        assert not [
            name for _, attributes in found.tags for name in attributes if name.startswith("on") or name == "src"
        ]
        assert all(":" not in link and '"' not in link for link in links(found))
        assert "default-src 'none'" in html
        assert "http://" not in html
        assert "49" not in found.text.split()
    assert " ".join(HOSTILE.split()) in seen(tmp_path / "index.html").text
    assert sorted(path.suffix for path in (tmp_path / "schedules").iterdir()) == [".html", ".html"]


def test_values_of_a_restricted_feature_never_appear(tmp_path: Path) -> None:
    content = window(0, "violated")
    for monitor in content["monitors"]:
        monitor["pictures"] = {"features": [{"name": "Income", "categories": [SECRET], "baseline": [1], "window": [1]}]}
        for feature in monitor["summary"]["features"]:
            if feature["name"] == "Income":
                feature["most_frequent"] = SECRET
    put(tmp_path, [content])
    page = index.write(tmp_path)
    assert SECRET not in page.read_text()
    for path in (tmp_path / "history").rglob("*.parquet"):
        assert SECRET not in str(pq.read_table(path).to_pylist())


# --- doors ---------------------------------------------------------------------------------------------------------------------


def test_the_command_and_the_function_draw_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "reports", [window(0), window(1, "violated")])
    assert cli.main(["index", str(tmp_path / "reports")]) == 0
    page = tmp_path / "reports" / "index.html"
    assert capsys.readouterr().out.strip() == str(page)
    assert draw_index(tmp_path / "reports").read_bytes() == page.read_bytes()
    elsewhere = tmp_path / "site" / "shop.html"
    assert cli.main(["index", str(tmp_path / "reports"), "--html", str(elsewhere)]) == 0
    assert all((elsewhere.parent / unquote(link)).is_file() for link in links(seen(elsewhere)))
    assert (tmp_path / "site" / "history" / "runs").is_dir()


def test_the_demo_draws_every_window_and_opens_the_index(tmp_path: Path) -> None:
    put(tmp_path, [window(0), window(1, "violated"), window(0, "no_data", "other")])
    page, pages = drawn(tmp_path)
    assert page == tmp_path / "index.html"
    assert pages == len(list(tmp_path.rglob("report.html"))) == 3


def test_what_cannot_be_read_is_told_beside_what_can(tmp_path: Path) -> None:
    put(tmp_path, [window(0)])
    for name, content in (
        ("a", "{"),
        ("b", '{"version": 1, "monitors": 3}'),
        ("c", json.dumps(of("healthy", "baseline"))),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(content)
    bad = window(1)
    bad["window"]["start"] = "../../../outside"
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "report.json").write_text(json.dumps(bad))
    text = seen(index.write(tmp_path)).text
    assert "Reports that could not be read" in text
    assert text.count("is no JSON") == 1
    assert text.count("is no whole report") == 2


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_without_a_window_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_there: bool
) -> None:
    assert cli.main(["index", str(tmp_path if is_there else tmp_path / "no")]) == 1
    assert ("holds no report.json" if is_there else "is no folder") in capsys.readouterr().err


def test_a_history_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, [window(0)])
    part = tmp_path / "history" / "runs" / "date=2026-03-02" / "part.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"no parquet")
    with pytest.raises(SettingsError, match="Remove it"):
        index.write(tmp_path)


def test_a_stretch_spans_silence_and_ends_at_another_verdict() -> None:
    verdicts = ["ok", "violated", "error", "no_data", "violated"]
    runs = [run for hour, each in enumerate(verdicts) if (run := history.run_of(window(hour, each), str(hour)))]
    assert [run.report for run in stretches.stretch(runs, runs[-1])] == ["1", "4"]
    assert [run.report for run in stretches.stretch(runs, runs[2])] == ["2"]
    assert stretches.current(runs[:4]) is runs[2]
    assert stretches.current(runs[3:4]) is runs[3]
    assert stretches.current([]) is None
