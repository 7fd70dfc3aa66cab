"""Labels and capture from S3: every folder layout in use, only the hours that matter, no listing by the hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from model_monitor.aws import s3
from model_monitor.errors import SettingsError
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.fetching import Labels, fetch_capture, fetch_table
from model_monitor.job.from_container import ProcessingJob, build_job
from model_monitor.job.variables import read_variables
from model_monitor.labels.label_files import label_files
from model_monitor.schema import Window

pytestmark = pytest.mark.xdist_group("moto")
START = datetime(2026, 3, 2, 4, tzinfo=UTC)
WEEK = timedelta(days=7)


def put(bucket, *keys):
    for key in keys:
        bucket.put_object(Bucket="bucket", Key=key, Body=key.encode())


def fetched(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_labels_come_from_every_hour_between_padded_or_not_and_from_outside_hour_folders(bucket, tmp_path):
    wanted = [
        "2026/03/02/04/a.jsonl",
        "2026/3/2/5/b.json",
        "2026/03/05/23/c.csv",
        "2026/3/9/4/d.parquet",
        "2026/03/04/day.jsonl",
        "all.csv",
        "history/old.jsonl.gz",
    ]
    unwanted = ["2026/03/01/23/x.jsonl", "2026/3/9/5/x.jsonl", "2026/03/20/00/x.jsonl", "2025/12/31/00/x.jsonl",
                "2026/03/02/04/_SUCCESS", "2026/03/02/04/.part.jsonl", "notes.txt"]  # fmt: skip
    put(bucket, *(f"truth/{name}" for name in [*wanted, *unwanted]))
    put(bucket, "truths/2026/03/02/04/other.jsonl")
    folder = Labels("s3://bucket/truth/", "covertype", tmp_path / "labels").between(START, START + WEEK)
    assert fetched(folder) == sorted(wanted)
    assert (folder / "2026/3/2/5/b.json").read_text() == "truth/2026/3/2/5/b.json"
    assert len(label_files(folder, START, START + WEEK)) == len(wanted)


def test_a_prefix_of_several_endpoints_gives_the_labels_of_one(bucket, tmp_path):
    put(bucket, "truth/covertype/2026/3/2/4/ground_truth.json", "truth/churn/2026/3/2/4/ground_truth.json")
    folder = Labels("s3://bucket/truth", "covertype", tmp_path / "labels").between(START, START + WEEK)
    assert fetched(folder) == ["covertype/2026/3/2/4/ground_truth.json"]


def test_one_object_is_a_location_too(bucket, tmp_path):
    put(bucket, "truth/labels.csv", "truth/other.csv")
    folder = Labels("s3://bucket/truth/labels.csv", "covertype", tmp_path / "labels").between(START, START + WEEK)
    assert fetched(folder) == ["labels.csv"]


def test_a_local_location_is_used_as_it_is(tmp_path):
    assert Labels(str(tmp_path), "covertype", tmp_path / "labels").between(START, START) == tmp_path


def test_a_label_file_is_fetched_once_for_several_windows(bucket, tmp_path, monkeypatch):
    put(bucket, "truth/2026/03/01/00/a.jsonl", "truth/2026/03/02/04/b.jsonl", "truth/all.csv")
    got, download = [], s3.download

    def counting(objects):
        wanted = list(objects)
        got.extend(uri for uri, _ in wanted)
        return download(wanted)

    monkeypatch.setattr(s3, "download", counting)
    labels = Labels("s3://bucket/truth", "covertype", tmp_path / "labels")
    labels.between(START, START + WEEK)
    folder = labels.between(START - 2 * WEEK, START + WEEK)
    labels.between(START, START + WEEK)
    assert fetched(folder) == ["2026/03/01/00/a.jsonl", "2026/03/02/04/b.jsonl", "all.csv"]
    assert len(got) == len(set(got)) == 3


def test_a_day_of_which_an_earlier_window_wanted_a_part_is_fetched_to_the_end(bucket, tmp_path):
    put(bucket, *(f"truth/2026/03/02/{hour}/a.jsonl" for hour in ("04", "5", "06")), "truth/2026/03/02/day.jsonl")
    labels = Labels("s3://bucket/truth", "covertype", tmp_path / "labels")
    labels.between(START + WEEK, START + WEEK)  # the run's own window
    assert fetched(labels.between(START - WEEK, START)) == ["2026/03/02/04/a.jsonl", "2026/03/02/day.jsonl"]
    (tmp_path / "labels/2026/03/02/04/a.jsonl").write_text("fetched once")
    folder = labels.between(START - WEEK, START + timedelta(hours=1))
    assert (folder / "2026/03/02/5/a.jsonl").is_file()
    assert not (folder / "2026/03/02/06").exists()
    assert (folder / "2026/03/02/04/a.jsonl").read_text() == "fetched once"
    assert (labels.between(START, START + WEEK) / "2026/03/02/06/a.jsonl").is_file()


def test_three_months_are_listed_by_the_day(bucket, tmp_path, monkeypatch):
    days = [START + timedelta(days=n) for n in range(0, 90)]
    put(bucket, *(f"truth/{day:%Y/%m/%d}/{hour:02}/a.jsonl" for day in days for hour in (0, 12)))
    calls, listed = [], s3._listed

    def counting(uri, delimiter):
        calls.append(uri)
        return listed(uri, delimiter)

    monkeypatch.setattr(s3, "_listed", counting)
    folder = Labels("s3://bucket/truth", "covertype", tmp_path / "labels").between(START, START + timedelta(days=90))
    assert len(fetched(folder)) == 180
    assert len(calls) <= 90 + 1 + 1 + 4  # days, the prefix, the year, its months


def test_a_key_that_leads_out_of_the_folder_is_refused(monkeypatch, tmp_path):
    stored = s3.Stored("s3://bucket/c/v/2026/03/02/04/../../x.jsonl", "../../x.jsonl", 1)
    monkeypatch.setattr(s3, "list_folder", lambda uri: (["v"], []))
    monkeypatch.setattr(s3, "list_objects", lambda uri: [stored])
    with pytest.raises(SettingsError, match="leads out of its folder"):
        fetch_capture("s3://bucket/c", Window(START, START + timedelta(hours=1)), tmp_path / "capture")


def test_a_window_is_fetched_with_the_hour_before_it_and_nothing_else(bucket, tmp_path):
    wanted = ["blue/2026/03/02/03/a.jsonl", "blue/2026/03/02/04/b.jsonl", "green/2026/03/02/04/c.jsonl"]
    put(bucket, *(f"capture/covertype/{name}" for name in wanted))
    put(bucket, "capture/covertype/blue/2026/03/02/05/x.jsonl", "capture/churn/blue/2026/03/02/04/x.jsonl")
    (tmp_path / "capture/left").mkdir(parents=True)
    window = Window(START, START + timedelta(hours=1))
    folder = fetch_capture("s3://bucket/capture/covertype", window, tmp_path / "capture")
    assert fetched(folder) == wanted
    assert not (folder / "left").exists()


def test_days_of_a_longer_window_are_listed_as_days(bucket, tmp_path, monkeypatch):
    put(bucket, *(f"capture/c/v/2026/03/{day:02}/{hour:02}/a.jsonl" for day in range(1, 9) for hour in range(24)))
    calls, listed = [], s3._listed
    monkeypatch.setattr(s3, "_listed", lambda uri, delimiter: (calls.append(uri), listed(uri, delimiter))[1])
    window = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 7, 2, tzinfo=UTC))
    folder = fetch_capture("s3://bucket/capture/c", window, tmp_path / "capture")
    assert len(fetched(folder)) == 1 + 5 * 24 + 2
    assert len(calls) == 1 + 1 + 5 + 2


def test_a_table_of_facets_is_fetched_as_a_whole_and_nothing_beside_it(bucket, tmp_path):
    put(bucket, "people/a.csv", "people/2026/03/b.parquet", "people/_SUCCESS", "people/notes.txt", "people2/c.csv")
    assert fetched(fetch_table("s3://bucket/people", tmp_path / "facets")) == ["2026/03/b.parquet", "a.csv"]
    assert fetched(fetch_table("s3://bucket/people/a.csv", tmp_path / "one")) == ["a.csv"]
    assert fetch_table(str(tmp_path / "local.csv"), tmp_path / "none") == tmp_path / "local.csv"


def test_the_container_fetches_facets_for_monitoring_jobs_alone(bucket, tmp_path):
    put(bucket, "people/a.csv")
    document = {"facets": [{"name": "origin", "values": ["x"]}]}
    config = tmp_path / "monitor.json"
    config.write_text(
        json.dumps(
            {
                "version": 1,
                "payload": {"features": ["age"]},
                "monitors": {"model_bias": {**document, "facet_source": "s3://bucket/people"}},
            }
        )
    )
    variables = {"monitor_config": str(config), "MODEL_MONITOR_ROOT": str(tmp_path), "dataset_source": str(tmp_path)}
    given = {"start_time": "2026-03-02T04:00:00Z", "end_time": "2026-03-02T05:00:00Z"}
    job, _ = build_job(read_variables(variables | given), ProcessingJob())
    assert job.facet_source is not None
    assert fetched(job.facet_source) == ["a.csv"]
    baseline = {"monitor_job": "baseline", "dataset_format": '{"csv":{"header":true}}'}
    assert build_job(read_variables(variables | baseline), ProcessingJob())[0].facet_source is None


def test_an_analysis_configuration_is_read_from_s3(bucket):
    document = {"headers": ["sex", "y"], "label": "y", "facet": [{"name_or_index": 0, "value_or_threshold": [1]}]}
    bucket.put_object(Bucket="bucket", Key="analysis_config.json", Body=json.dumps(document).encode())
    options = {"analysis_config": "s3://bucket/analysis_config.json"}
    content = {"version": 1, "monitors": {"model_bias": options}}
    found = parse_configuration(json.dumps(content).encode(), "test")
    assert (found.schema.names, found.schema.payload.label) == (("sex",), "y")
    options["analysis_config"] = "s3://bucket/nowhere.json"
    with pytest.raises(SettingsError, match=r"analysis_config: s3://bucket/nowhere\.json is not there"):
        parse_configuration(json.dumps(content).encode(), "test")
