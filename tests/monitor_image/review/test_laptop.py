"""From captured predictions to a score that people's answers made possible, with the command alone."""

from __future__ import annotations

import json
import threading
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from demo import review as example
from model_monitor import cli
from model_monitor.labels.label_files import label_files
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.review.desk import Desk, Rules
from model_monitor.review.local_store import LocalStores
from model_monitor.review.serving import Server
from tests.monitor_image.review.conftest import CONTEXT, NOW, task


def answer_all(folder: Path, truth: dict[str, str]) -> int:
    """A reviewer who knows."""
    stores = LocalStores(folder / "review.sqlite")
    desk = Desk(stores.of(example.ENDPOINT), Rules())
    count, now = 0, datetime.now(UTC)
    for reviewer in ("ann", "bob", "cid"):  # some tasks get a second opinion
        while (record := desk.lease(reviewer, now).task) is not None:
            desk.answer(reviewer, record["task"]["id"], truth[record["task"]["event_id"]], now)
            count += 1
    stores.close()
    return count


def test_answers_of_people_are_the_labels_that_score_the_model(tmp_path: Path) -> None:
    truth = example.prepare(tmp_path)
    assert answer_all(tmp_path, truth) >= 60
    queue = ["--queue", str(tmp_path / "review.sqlite")]
    assert cli.main(["review", "export", *queue, "--output", str(tmp_path / "labels"), "--now"]) == 0
    labels = tmp_path / "labels" / example.ENDPOINT
    assert len(list(labels.rglob("*.jsonl"))) == 60
    assert len(read_ground_truth(label_files(labels))) == 60
    report = example.run_monitor(tmp_path, labels)
    quality = next(monitor for monitor in report["monitors"] if monitor["key"] == "model_quality")
    assert report["ground_truth"]["labels"] == 60
    assert quality["summary"]["labels"]["labelled"] == 60
    assert quality["summary"]["metrics"] != []


def test_an_export_again_writes_nothing_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = example.prepare(tmp_path)
    answer_all(tmp_path, truth)
    export = ["review", "export", "--queue", str(tmp_path / "review.sqlite"), "--output", str(tmp_path / "labels")]
    cli.main([*export, "--now"])
    capsys.readouterr()
    cli.main([*export, "--now"])
    assert "0 labels written" in capsys.readouterr().out


@pytest.mark.parametrize("step", [["route", "nowhere"], ["serve", "--reviewer", "ann"], ["export", "--output", "x"]])
def test_what_is_missing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["review", *step]) == 1
    assert "model-monitor: " in capsys.readouterr().err
    assert not (tmp_path / "review.sqlite").exists()


def test_the_app_is_served_for_the_people_that_were_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = tmp_path / "review.sqlite"
    Desk(LocalStores(queue).of("clinic")).put([task(1)], CONTEXT, NOW)
    found: list[Any] = []

    def once(server: Server) -> None:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/api/me"
        asked = urllib.request.Request(address, headers={"Authorization": "Bearer ann"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            found.append(json.load(answer))
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", once)
    assert cli.main(["review", "serve", "--queue", str(queue), "--port", "0", "--reviewer", "ann"]) == 0
    assert found == [{"name": "ann", "endpoints": ["clinic"]}]
    assert "http://127.0.0.1:" in capsys.readouterr().out
