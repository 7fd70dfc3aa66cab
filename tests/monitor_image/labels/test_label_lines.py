"""Labels read many at a time: the same labels and faults as one by one, and keys that stay what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies as st

from model_monitor.labels import label_reader
from model_monitor.labels.ground_truth import GroundTruth
from model_monitor.labels.keys import LONGEST_MIXED, hashes, record_keys
from model_monitor.labels.label_lines import read_document, read_lines
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.schema import Events
from tests.effort import examples

numbers = st.one_of(
    st.integers(-2, 3), st.sampled_from([2**31 - 1, 2**31, 2**63, -(2**63), 2**70, 0.0, 1.0, 1.5, -0.5])
)
odd = st.one_of(st.none(), st.booleans(), st.sampled_from(["", "0", "1.0", " ", [], {}]))
ids = st.one_of(st.sampled_from(["a", "b", "é", "a" * 32, "b" * 36, ""]), st.integers(0, 3), odd)
datas = st.one_of(
    st.lists(st.sampled_from(["0", "1", "1.0", "no", " x", "y ", "", "é"]), max_size=4).map(",".join),
    st.lists(st.sampled_from(["0", "1", "1,0", "", "\u2028"]), max_size=4).map("\n".join),
    st.text('01,"\n\r \t\x85\x1cé', max_size=6),
    st.sampled_from(['{"label": 1}', "[1, 0]", "MQ=="]),
    st.recursive(
        st.one_of(st.sampled_from([0, 1, 1.0, "no", " ", "", None, True, 2**63, 2**70, 1e300]), st.text(max_size=2)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["label", "instances", "x"]), inner, max_size=2),
        ),
        max_leaves=5,
    ).map(json.dumps),
    st.lists(st.sampled_from([0, 1, None, "no"]), min_size=1, max_size=4).map(json.dumps),
    st.lists(st.sampled_from([0, 1, "no"]).map(lambda label: {"label": label}), min_size=1, max_size=4).map(
        lambda labels: json.dumps({"instances": labels})
    ),
    numbers,
    odd,
)


def optional(**fields: Any) -> Any:
    """Objects with any of these keys."""
    return st.fixed_dictionaries({}, optional=fields)


events = st.fixed_dictionaries(
    {
        "groundTruthData": st.one_of(
            st.fixed_dictionaries(
                {"data": datas},
                optional={
                    "encoding": st.sampled_from(["CSV", "csv", "JSON", "BASE64", None, "other"]),
                    "payload_index": numbers,
                },
            ),
            odd,
        ),
        "eventMetadata": st.one_of(optional(eventId=ids, inferenceId=ids, payload_index=st.one_of(numbers, odd)), odd),
    },
    optional={"eventVersion": st.just("0"), "InferenceId": ids},
)
rows = optional(
    InferenceId=ids,
    payload_index=st.one_of(numbers, odd),
    groundTruthLabel=st.one_of(numbers, odd, datas),
    other=numbers,
)
plain_events = st.builds(
    lambda event, labels: {"groundTruthData": {"data": labels, "encoding": "CSV"}, "eventMetadata": {"eventId": event}},
    st.sampled_from("abcdefg"),
    st.lists(st.sampled_from(["0", "1", "1.0", "no"]), min_size=1, max_size=4).map("\n".join),
)
json_events = st.builds(
    lambda event, data: {"groundTruthData": {"data": data, "encoding": "JSON"}, "eventMetadata": {"eventId": event}},
    st.sampled_from("abcdefg"),
    datas,
)
lines = st.one_of(
    st.lists(json_events.map(json.dumps), min_size=1, max_size=4),
    st.lists(plain_events.map(json.dumps), min_size=1, max_size=12),
    st.lists(st.one_of(plain_events, events).map(json.dumps), max_size=8),
    st.lists(rows.map(json.dumps), max_size=8),
    st.lists(st.one_of(events, rows, st.lists(rows, max_size=2), odd).map(json.dumps), max_size=6),
    st.lists(st.sampled_from(["", " ", "{", "{} {}", '{"a":', "[", "\u2028"]), max_size=4),
)
texts = st.builds(
    lambda parts, end, last: end.join(parts) + last, lines, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n"])
)


def read(folder: Path, content: bytes) -> GroundTruth:
    (folder / "l.jsonl").write_bytes(content)
    return read_ground_truth([("l.jsonl", folder / "l.jsonl")])


def one_by_one(folder: Path, content: bytes) -> GroundTruth:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_reader, "read_lines", lambda lines: None)
        patch.setattr(label_reader, "read_document", lambda content: None)
        return read(folder, content)


def assert_same(mine: GroundTruth, theirs: GroundTruth) -> None:
    assert mine.keys.tolist() == theirs.keys.tolist()
    assert [mine.words[code] for code in mine.codes] == [theirs.words[code] for code in theirs.codes]
    assert (mine.words, mine.repeats, mine.rejects) == (theirs.words, theirs.repeats, theirs.rejects)


@given(texts)
@example('{"groundTruthData":{"data":"1\\n\\n0"},"eventMetadata":{"eventId":"a"}}')
@example('{"groundTruthData":{"data":","},"eventMetadata":{"eventId":"a"}}')
@example('{"groundTruthData":{"data":"' + "1" * 200_000 + '"},"eventMetadata":{"eventId":"a"}}')
@settings(max_examples=examples(300), deadline=None)
def test_many_at_a_time_are_what_they_are_one_by_one(tmp_path_factory: Any, text: str) -> None:
    folder = tmp_path_factory.mktemp("labels")
    content = text.encode()
    assert_same(read(folder, content), one_by_one(folder, content))
    try:
        document = json.dumps([json.loads(line) for line in text.split("\n") if line.strip()]).encode()
    except json.JSONDecodeError:
        return
    assert_same(read(folder, document), one_by_one(folder, document))


@given(st.lists(plain_events, min_size=1, max_size=30), st.data())
@settings(max_examples=examples(100), deadline=None)
def test_wherever_a_file_is_cut_the_last_label_counts(
    tmp_path_factory: Any, records: list[Any], data: st.DataObject
) -> None:
    """Small pieces, of which those with an odd line are read one by one between the others."""
    folder = tmp_path_factory.mktemp("labels")
    place = data.draw(st.integers(0, len(records)))
    texts = [json.dumps(record) for record in records]
    content = "\n".join([*texts[:place], "{odd", *texts[place:]]).encode()
    whole = one_by_one(folder, content)
    assert [reject.line for reject in whole.rejects.located] == [place + 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_reader, "PIECE_BYTES", data.draw(st.integers(1, 400)))
        patch.setattr(label_reader, "PART_BYTES", data.draw(st.integers(1, 400)))
        assert_same(read(folder, content), whole)


def line(event: str, data: str, encoding: str = "CSV", **more: Any) -> str:
    truth = {"data": data, "encoding": encoding}
    return json.dumps({"groundTruthData": truth, "eventMetadata": {"eventId": event, **more}})


FAST = {
    "an event a line": line("a", "1\n0") + "\n" + line("b", "1"),
    "commas": line("a", "1,0") + "\n" + line("b", "1"),
    "a record a line": "\n".join([line("a", "1", payload_index=0), line("a", "0", payload_index=1)]),
    "a json label": line("a", '{"label": 1}', encoding="JSON") + "\n" + line("b", "0", encoding="JSON"),
    "json instances": line("a", '{"instances": [{"label": 1}, {"label": 0}]}', encoding="JSON"),
    "json lists": line("a", '[1, null, "no"]', encoding="JSON") + "\n" + line("b", "[1]", encoding="JSON"),
    "rows": '{"InferenceId":"a","payload_index":0,"groundTruthLabel":1}\n{"InferenceId":"a","groundTruthLabel":0.5}',
}


@pytest.mark.parametrize("form", FAST.values(), ids=FAST)
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_common_forms_are_read_many_at_a_time(form: str, end: str) -> None:
    found = read_lines((form + end).encode())
    assert found is not None
    assert len(found.keys) >= 2


def test_a_list_of_rows_is_read_at_once() -> None:
    found = read_document(json.dumps([{"InferenceId": "a", "payload_index": 1, "groundTruthLabel": "x"}]).encode())
    assert found is not None
    assert found.words == ["x"]


# --- keys ----------------------------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.text(max_size=40), st.text(min_size=30, max_size=90), st.just("x" * (LONGEST_MIXED + 1)))))
@settings(deadline=None)
def test_a_text_has_one_hash_whatever_stands_beside_it(texts: list[str]) -> None:
    together = hashes(texts)
    assert together.tolist() == [hashes([text])[0] for text in texts]
    assert len(set(together.tolist())) == len(set(texts))
    table = pa.array(["before", *texts, "after"], pa.string())
    assert hashes(table.slice(1, len(texts))).tolist() == together.tolist()


def test_half_a_surrogate_pair_is_hashed_too() -> None:
    assert len(set(hashes(["\ud800", "\udc00", "é"]).tolist())) == 3
    assert hashes(["\ud800", "é"])[1] == hashes(["é"])[0]


@pytest.mark.parametrize("width", [1, 8, 9, 36])
def test_ids_that_differ_by_one_share_no_key_and_spread_evenly(width: int) -> None:
    names = [f"{number:0{width}d}" for number in range(min(10**width, 20_000))]
    events = Events(tuple(names), np.zeros(len(names), np.int64), np.full(len(names), 5))
    keys = record_keys(events, np.tile(np.arange(5), len(names)))
    assert len(np.unique(keys)) == 5 * len(names)
    if len(names) > 1000:
        for shift in (0, 20, 44, 56):  # 256 bins of any byte: as even as chance, 5 standard deviations
            counts = np.bincount((keys >> np.uint64(shift)).astype(np.int64) & 255, minlength=256)
            expected = len(keys) / 256
            assert abs(((counts - expected) ** 2 / expected).sum() - 255) < 5 * np.sqrt(2 * 255)


def test_keys_are_the_same_on_every_machine_and_in_every_release() -> None:
    """Samples are drawn by them."""
    events = Events(("order-17", "7", "", "\u00e9" * 20), np.zeros(4, np.int64), np.array([2, 1, 0, 1]))
    assert record_keys(events, np.array([0, 1, 0, 3])).tolist() == [
        8550437815635300607,
        1504408561748620973,
        13566731108771775845,
        18158387052103435447,
    ]
