"""Units and jobs travel to other processes, and the table does not depend on who reads."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from model_monitor.dataset.discover import discover
from model_monitor.dataset.rows import read_rows
from model_monitor.dataset.units import plan
from tests.builders import capture_event, capture_job, csv_payload, json_payload, read_all, schema, write_capture
from tests.monitor_image.dataset.oracle import table_of


def read_unit(unit, job):
    return list(read_rows(unit, job))


@pytest.mark.slow
def test_another_process_reads_the_same_table(tmp_path):
    for number in range(4):
        rows = [[i, f"w{i % 7}", i / 8] for i in range(50)]
        payload = json_payload(rows) if number % 2 else csv_payload(rows)
        write_capture(tmp_path, [capture_event(payload, inference_id=f"{number}-{i}") for i in range(20)])
    job = pickle.loads(pickle.dumps(capture_job(tmp_path, schema("a", "b", "c"))))
    units = plan(discover(job.dataset), 4000)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        chunks = [rows for found in pool.map(read_unit, units, [job] * len(units)) for rows in found]
    assert len(units) > 4
    assert table_of(chunks) == table_of(read_all(job))
