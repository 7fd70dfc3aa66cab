"""The one room that talks to AWS: objects that are absent, refused or there, and metrics within PutMetricData's limits."""

from __future__ import annotations

import json

import boto3
import pytest

from model_monitor.aws import s3
from model_monitor.errors import MonitorError, OutputError, SettingsError

pytestmark = pytest.mark.xdist_group("moto")


@pytest.fixture
def bucket(bucket):
    """With one object."""
    bucket.put_object(Bucket="bucket", Key="a/b.json", Body=b"{}")
    return bucket


def test_an_object_is_read_and_an_absent_one_is_none(bucket):
    assert s3.read_object("s3://bucket/a/b.json") == b"{}"
    assert s3.read_object("s3://bucket/a/c.json") is None
    assert s3.read_object("s3://nobodys-bucket/a/c.json") is None


def test_a_process_makes_one_client_for_all_its_calls_and_another_for_other_keys(monkeypatch, bucket, tmp_path):
    made = []

    def client(service, config):
        made.append(service)
        return real(service, config)

    real = s3.clients.client
    monkeypatch.setattr(s3.clients, "client", client)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-this-test")
    s3.write_object("s3://bucket/a/d.json", b"{}")
    objects = [(stored.uri, tmp_path / stored.relative) for stored in s3.list_objects("s3://bucket/a")]
    assert s3.download(objects) == 2
    assert made == ["s3"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-somebody-else")
    assert s3.read_object("s3://bucket/a/d.json") == b"{}"
    assert made == ["s3", "s3"]


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3:///key"])
def test_what_names_no_object_is_refused(uri):
    with pytest.raises(SettingsError, match="no S3 URI"):
        s3.read_object(uri)


def test_a_refused_read_says_which_right_is_missing(monkeypatch, aws):
    from botocore.exceptions import ClientError

    class Refusing:
        def get_object(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    pauses = []
    monkeypatch.setattr(s3.time, "sleep", pauses.append)
    monkeypatch.setattr(s3, "_client", lambda service: Refusing())
    with pytest.raises(SettingsError, match=r"AccessDenied.*s3:GetObject"):
        s3.read_object("s3://bucket/key")
    assert sum(pauses) == 30, "a right may be half a minute old"


def test_a_right_that_is_a_moment_old_is_waited_for(monkeypatch, bucket):
    from botocore.exceptions import ClientError

    real, refused = s3._client, [1, 1]

    class Late:
        def get_object(self, **asked):
            if refused:
                refused.pop()
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
            return real("s3").get_object(**asked)

    monkeypatch.setattr(s3.time, "sleep", lambda _: None)
    monkeypatch.setattr(s3, "_client", lambda service: Late())
    assert s3.read_object("s3://bucket/a/b.json") == b"{}"


def test_what_a_job_writes_by_itself_is_encrypted_as_its_outputs_are(monkeypatch, bucket, tmp_path):
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    (tmp_path / "config").mkdir()
    mounted = {"ProcessingOutputConfig": {"KmsKeyId": key}}
    (tmp_path / "config" / "processingjobconfig.json").write_text(json.dumps(mounted))
    monkeypatch.setenv("MODEL_MONITOR_ROOT", str(tmp_path))
    s3.write_object("s3://bucket/written", b"x")
    assert s3.create_object("s3://bucket/created", b"x")
    for name in ("written", "created"):
        found = bucket.head_object(Bucket="bucket", Key=name)
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)


def test_every_data_point_is_sent_in_calls_of_at_most_a_thousand(monkeypatch, aws):
    calls = []

    class Recording:
        def put_metric_data(self, **call):
            calls.append((call["Namespace"], len(call["MetricData"])))

    monkeypatch.setattr(s3, "_client", lambda service: Recording())
    s3.put_metric_data("Mine", [{"MetricName": "a", "Value": 1.0}] * 2001)
    assert calls == [("Mine", 1000), ("Mine", 1000), ("Mine", 1)]


def test_cloudwatch_really_takes_the_points(aws):
    point = {
        "MetricName": "records",
        "Timestamp": "2026-03-02T05:00:00Z",
        "Dimensions": [{"Name": "Endpoint", "Value": "churn"}],
        "Value": 3.0,
        "Unit": "Count",
    }
    s3.put_metric_data("Mine", [point])
    (metric,) = boto3.client("cloudwatch").list_metrics(Namespace="Mine")["Metrics"]
    assert metric["MetricName"] == "records"


def test_a_refused_put_says_what_to_do(monkeypatch, aws):
    from botocore.exceptions import EndpointConnectionError

    class Unreachable:
        def put_metric_data(self, **_):
            raise EndpointConnectionError(endpoint_url="https://monitoring")

    monkeypatch.setattr(s3, "_client", lambda service: Unreachable())
    with pytest.raises(OutputError, match=r"cloudwatch:PutMetricData; or set metrics\.route to file"):
        s3.put_metric_data("Mine", [{}])


def test_no_region_is_said_in_plain_words(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(MonitorError, match="AWS_REGION"):
        s3.put_metric_data("Mine", [{}])


def test_a_new_object_is_created_once(bucket):
    assert s3.create_object("s3://bucket/scored/w.json", b"first") is True
    assert s3.create_object("s3://bucket/scored/w.json", b"second") is False
    assert s3.read_object("s3://bucket/scored/w.json") == b"first"
    s3.delete_object("s3://bucket/scored/w.json")
    s3.delete_object("s3://bucket/scored/w.json")
    assert s3.read_object("s3://bucket/scored/w.json") is None


def test_a_prefix_is_listed_as_a_folder_in_pages_and_without_markers(bucket, monkeypatch):
    for number in range(1005):
        bucket.put_object(Bucket="bucket", Key=f"labels/2026/3/2/{number:04}.jsonl", Body=b"x")
    for key in ("labels/2026/3/20/a.jsonl", "labels/2026/3/2/", "labels/own.csv"):
        bucket.put_object(Bucket="bucket", Key=key, Body=b"yy")
    day = s3.list_objects("s3://bucket/labels/2026/3/2")
    assert (len(day), day[0]) == (1005, s3.Stored("s3://bucket/labels/2026/3/2/0000.jsonl", "0000.jsonl", 1))
    assert s3.list_folder("s3://bucket/labels/") == (
        ["2026"],
        [s3.Stored("s3://bucket/labels/own.csv", "own.csv", 2)],
    )
    assert s3.list_folder("s3://bucket")[0] == ["a", "labels"]


def test_objects_are_downloaded_side_by_side(bucket, tmp_path):
    wanted = []
    for number in range(40):
        bucket.put_object(Bucket="bucket", Key=f"many/{number}", Body=str(number).encode() * 1000)
        wanted.append((f"s3://bucket/many/{number}", tmp_path / f"deep/{number % 3}/{number}"))
    assert s3.download(wanted) == 40
    assert all(path.read_bytes() == path.name.encode() * 1000 for _, path in wanted)


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        (lambda: s3.list_objects("s3://nobodys-bucket/x"), "NoSuchBucket.*s3:ListBucket"),
        (lambda: s3.list_objects("s3://"), "no S3 URI"),
        (lambda: s3.create_object("s3://nobodys-bucket/x", b""), "NoSuchBucket.*s3:PutObject"),
        (lambda: s3.delete_object("s3://nobodys-bucket/x"), "NoSuchBucket.*s3:DeleteObject"),
    ],
)
def test_what_cannot_be_listed_written_or_deleted_names_the_right_that_it_takes(bucket, act, complaint):
    with pytest.raises(MonitorError, match=complaint):
        act()


def test_an_object_that_vanished_before_it_was_fetched_is_named(bucket, tmp_path):
    with pytest.raises(SettingsError, match=r"s3://bucket/gone: cannot be fetched \(NoSuchKey\).*s3:GetObject"):
        s3.download([("s3://bucket/gone", tmp_path / "gone")])


def test_a_file_is_put_as_it_is_and_a_refusal_names_the_right(bucket, tmp_path):
    (tmp_path / "rows.csv").write_bytes(b"1,2\n" * 1000)
    s3.write_file("s3://bucket/holdout/rows.csv", tmp_path / "rows.csv")
    assert s3.read_object("s3://bucket/holdout/rows.csv") == b"1,2\n" * 1000
    with pytest.raises(OutputError, match="s3:PutObject"):
        s3.write_file("s3://nobodys-bucket/rows.csv", tmp_path / "rows.csv")
