"""The image, built and run: what it is, what it does as a job and as a function. `make image-test`, about ten minutes.

Needs buildah, bubblewrap and (where no container registry is reached) debootstrap, of Debian's packages, as root.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.test_golden import CASES, EXIT_STATUS
from tests.image.sandbox import ANOTHER_USER, BASE, NAME, NO_SHARED_MEMORY, ROOT, Image, Store
from tests.monitor_image.conftest import OptMl, healthy_events

pytestmark = [pytest.mark.image, pytest.mark.xdist_group("image")]
TOOLS = ("buildah", "bwrap")
LARGEST_ABOVE_BASE = 280e6
LONGEST_START = 0.6 * float(os.environ.get("IMAGE_PATIENCE", "1"))  # more where the machine is shared
WINDOW = {"start_time": "2026-03-02T04:00:00Z", "end_time": "2026-03-02T05:00:00Z"}
CONFIGURATION = "/opt/ml/processing/input/config/config.json"


@pytest.fixture(scope="module")
def store() -> Store:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"no container builder: {', '.join(missing) or 'root'} is missing")
    found = Store(ROOT / "build/image" if "IMAGE_WORK" not in os.environ else Path(os.environ["IMAGE_WORK"]))
    found.run(ROOT / "tests/image/base.sh", found.folder, BASE)
    return found


@pytest.fixture(scope="module")
def image(store: Store) -> Image:
    if os.environ.get("IMAGE_BUILT") != "1":  # look again at what was built before
        store.build()
    return store.unpack(NAME, store.folder / "fs")


def tell(store: Store, figure: str) -> None:
    """What was measured, for whoever reads the folder afterwards."""
    with (store.folder / "figures.txt").open("a") as stream:
        stream.write(f"{figure}\n")


# --- what it is ------------------------------------------------------------------------------------------------------------


def test_two_builds_are_one_image(store: Store, image: Image) -> None:
    store.build(f"{NAME}-again")
    assert store.inspect(f"{NAME}-again", "{{.FromImageID}}") == store.inspect(NAME, "{{.FromImageID}}")


def test_it_is_small(store: Store, image: Image) -> None:
    above = store.size(NAME) - store.size(BASE)
    tell(store, f"{above / 1e6:.0f} MB above the base")
    assert above <= LARGEST_ABOVE_BASE


def test_it_says_what_it_is(image: Image) -> None:
    assert image.entry_point == ["python3", "-m", "model_monitor"]
    labels = image.configuration["Labels"]
    assert labels["org.opencontainers.image.title"] == "model-monitor"
    assert labels["org.opencontainers.image.base.name"] == BASE
    assert image.python("from model_monitor import reader; print(reader.used().value)") == "compiled"


def test_nothing_of_the_build_is_left(image: Image) -> None:
    compilers = [path for name in ("cc1plus", "g++", "gcc", "as") for path in image.root.glob(f"usr/**/{name}")]
    assert [path for path in compilers if path.is_file()] == []
    left = [
        "root/.cache",
        "build",
        "native",
        "wheels",
        "site",
        "application",
        "etc/pip.conf",
        "etc/ssl/certs/build.crt",
    ]
    found = [image.root / name for name in left]
    assert [path for path in found if path.is_dir() or (path.is_file() and path.stat().st_size)] == []
    code = [path for part in ("opt/model-monitor", "usr/local/lib") for path in (image.root / part).rglob("*")]
    assert [path for path in code if not path.stat().st_mode & 0o004] == []


NOT_COMPILED = """
import importlib.util, os, sys
import model_monitor.container, model_monitor.function, model_monitor.flow, model_monitor.late
for name, module in sorted(sys.modules.items()):
    file, compiled = getattr(module, "__file__", None) or "", getattr(module, "__cached__", None) or ""
    if file.endswith(".py") and "Frozen" not in repr(module.__spec__.loader):
        if not os.path.exists(compiled) or open(compiled, "rb").read(8)[4:] != b"\\x01\\0\\0\\0":
            print(name)
"""


def test_no_start_compiles_a_module(image: Image) -> None:
    assert (
        image.python(NOT_COMPILED) == "_distutils_hack"
    )  # of the base's setuptools: a hundred lines that each start reads


# --- a processing job ------------------------------------------------------------------------------------------------------


def tree(folder: Path) -> Path:
    """What the service mounts for every job."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("config", "output", "processing/input/config", "processing/output"):
        (folder / part).mkdir(parents=True)
    job = {"ProcessingJobName": "x", "AppSpecification": {"ImageUri": "i"}}
    (folder / "config/processingjobconfig.json").write_text(json.dumps(job))
    (folder / "config/resourceconfig.json").write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}')
    return folder


def baseline_job(image: Image, case: str, folder: Path) -> Path:
    """The output of a case's baseline job."""
    ml = tree(folder)
    shutil.copytree(
        CASES / case, ml / "processing/input/baseline_dataset_input", ignore=shutil.ignore_patterns("[!b]*")
    )
    shutil.copy(CASES / case / "config.json", ml / "processing/input/config")
    variables = {
        "dataset_format": '{"csv": {"header": true}}',
        "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Disabled",
        "monitor_config": CONFIGURATION,
    }
    done = image.run(ml, variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return ml / "processing/output"


def monitor_job(case: str, folder: Path, baseline: Path) -> tuple[Path, dict[str, str]]:
    """The tree and the variables of a case's monitoring job."""
    ml, source = tree(folder), CASES / case
    shutil.copytree(source / "capture", ml / "processing/input/endpoint")
    if (source / "labels").exists():
        shutil.copytree(source / "labels", ml / "processing/groundtruth")
    shutil.copy(source / "config.json", ml / "processing/input/config")
    shutil.copytree(baseline, ml / "processing/baseline")
    names = json.loads((source / "config.json").read_text())
    return ml, WINDOW | {
        "dataset_format": '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}',
        "dataset_source": "/opt/ml/processing/input/endpoint",
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Enabled",
        "monitor_config": CONFIGURATION,
        "monitor_baseline": "/opt/ml/processing/baseline",
        "sagemaker_endpoint_name": names["endpoint"],
        "sagemaker_monitoring_schedule_name": names["schedule"],
    }


def comparable(folder: Path) -> dict[str, Any]:
    """Every file, without what a run says of itself, of the image and of the clock."""
    found: dict[str, Any] = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    found.pop("provenance.json", None)
    report = json.loads(found["report.json"])
    for monitor in report.get("monitors", []):
        ((monitor.get("summary") or {}).get("labels") or {}).pop("unlabelled_by_age", None)
    return found | {"report.json": {key: report[key] for key in report if key not in ("run", "provenance")}}


@pytest.mark.parametrize("case", sorted(EXIT_STATUS))
def test_jobs_write_the_golden_files_on_a_read_only_root_without_network(
    image: Image, case: str, tmp_path: Path
) -> None:
    baseline = baseline_job(image, case, tmp_path / "baseline")
    ml, variables = monitor_job(case, tmp_path / "monitor", baseline)
    done = image.run(ml, variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert comparable(baseline) == comparable(CASES / case / "expected/baseline")
    assert comparable(ml / "processing/output") == comparable(CASES / case / "expected/monitor")


@pytest.fixture(scope="module")
def healthy(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return baseline_job(image, "healthy", tmp_path_factory.mktemp("healthy"))


def message(ml: Path) -> str:
    return (ml / "output/message").read_text()


def processor_seconds() -> float:
    """Of every process that was waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_small_window_is_done_at_once(store: Store, image: Image, healthy: Path, tmp_path: Path) -> None:
    """Judged by the time of its processor, which on an idle machine is the time that passes."""
    seconds, used = [], []
    for _ in range(9):
        ml, variables = monitor_job("healthy", tmp_path / "ml", healthy)
        began, before = time.monotonic(), processor_seconds()
        assert image.run(ml, variables).returncode == 0
        seconds.append(time.monotonic() - began)
        used.append(processor_seconds() - before)
    tell(store, f"entry point to exit: median {statistics.median(seconds):.2f} s, of a processor {min(used):.2f} s")
    assert min(used) <= LONGEST_START


def test_another_user_completes_where_it_may_write(image: Image, healthy: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ml, variables = monitor_job("broken", tmp_path / "ml", healthy)
    for part in ("processing", "processing/output", "output"):
        os.chown(ml / part, 12345, 12345)
    done = image.run(ml, variables, entry_point=ANOTHER_USER + image.entry_point)
    assert done.returncode == 0, done.stdout + done.stderr
    assert message(ml).startswith("CompletedWithViolations")


STOPPED_IN_A_FORK = """
import os, runpy, signal, sys
sent = []
os.register_at_fork(before=lambda: sent or (sent.append(1), os.kill(os.getpid(), signal.SIGTERM)))
sys.argv = ["model_monitor"]
runpy.run_module("model_monitor", run_name="__main__")
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> OptMl:
    """A window of some units, which goes to a pool of processes."""
    made = OptMl(tmp_path_factory.mktemp("large") / "ml").configure().for_window(healthy_events(300), files=8)
    tree_of = made.root / "processing/input/endpoint"
    for path in sorted(tree_of.rglob("*.jsonl")):
        content = path.read_bytes()
        path.write_bytes(content * (17_000_000 // len(content)))  # a unit holds 16 MB
    (made.root / "output").mkdir()
    return made


def test_a_stop_while_a_worker_is_forked_is_not_lost(image: Image, large: OptMl) -> None:
    done = image.run(
        large.root, large.environment | {"MODEL_MONITOR_WORKERS": "2"}, entry_point=["python3", "-c", STOPPED_IN_A_FORK]
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "stopped" in message(large.root)


def test_a_stop_ends_a_job_within_seconds(image: Image, large: OptMl) -> None:
    command = image.command(large.root, large.environment | {"MODEL_MONITOR_WORKERS": "1"})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "started" not in process.stdout.readline():
        pass
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGTERM)
    asked = time.monotonic()
    process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - asked < 15) == (1, True)
    assert "stopped" in message(large.root)


def test_without_shared_memory_a_window_of_many_units_runs(image: Image, large: OptMl) -> None:
    done = image.run(large.root, large.environment | {"MODEL_MONITOR_WORKERS": "2"}, NO_SHARED_MEMORY)
    assert done.returncode == 0, done.stdout + done.stderr


# --- a function ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """S3 on loopback, and the variables with which a function reaches it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-west-1"}
    variables = keys | {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    server.stop()


@pytest.mark.parametrize("case", sorted(EXIT_STATUS))
def test_a_function_writes_the_golden_files_of_two_events(
    store: Store, image: Image, case: str, account: dict[str, str], tmp_path: Path
) -> None:
    import boto3

    from twin.functions.images import Environment

    baseline = baseline_job(image, case, tmp_path / "baseline")
    ml, variables = monitor_job(case, tmp_path / "monitor", baseline)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=case, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for path in (ml / "processing").rglob("*"):
        if path.is_file():
            s3.put_object(Bucket=case, Key=path.relative_to(ml).as_posix(), Body=path.read_bytes())
    parts = [path.name for path in (ml / "processing").iterdir() if any(path.rglob("*.*")) and path.name != "output"]
    inputs = [
        {
            "InputName": name,
            "S3Input": {"S3Uri": f"s3://{case}/processing/{name}", "LocalPath": f"/opt/ml/processing/{name}"},
        }
        for name in parts
    ]
    output = {"S3Uri": f"s3://{case}/reports", "LocalPath": "/opt/ml/processing/output"}
    request = {
        "ProcessingJobName": "x",
        "Environment": variables | {"publish_cloudwatch_metrics": "Disabled"},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "reports", "S3Output": output}]},
    }
    command = image.command(variables=account, options=NO_SHARED_MEMORY, network=True)
    function = Environment(command, {"PATH": os.environ["PATH"]}, tmp_path / "function", {})
    try:
        for number in range(2):
            began = time.monotonic()
            answer = function.invoke(f"event-{number}", "arn", json.dumps(request).encode(), 60.0)
            tell(store, f"function, {case}, event {number}: {time.monotonic() - began:.2f} s")
            assert answer.error == "", answer
            assert answer.payload["status"] == 0, answer
            for stored in s3.list_objects_v2(Bucket=case, Prefix="reports/")["Contents"]:
                path = tmp_path / f"found-{number}" / stored["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(s3.get_object(Bucket=case, Key=stored["Key"])["Body"].read())
            expected = comparable(CASES / case / "expected/monitor")
            assert comparable(tmp_path / f"found-{number}/reports") == expected
    finally:
        function.close()
