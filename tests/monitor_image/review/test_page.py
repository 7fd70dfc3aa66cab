"""The review page in a real browser: a person signs in, answers by keyboard, loses the connection and goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from model_monitor.review.desk import Desk, Rules
from model_monitor.review.local_store import LocalStores
from model_monitor.review.serving import serve
from tests.monitor_image.review import browser, pictures
from tests.monitor_image.review.conftest import task

pytestmark = [
    pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>{{7*7}}'
CONTEXT = {
    "endpoint": "clinic",
    "labels": ["0", "1"],
    "label_names": {"1": f"malignant {HOSTILE}"},
    "instructions": HOSTILE,
    "features": {
        "Slope": {"mean": 5.0, "buckets": [[number, number + 1, 10 - abs(number - 5)] for number in range(10)]},
        "Area": {"categories": [["Rawah", 60], ["Cache", 30], [HOSTILE, 10]]},
    },
}
ACCEPTED = Path(__file__).with_name("looks")
AXE = Path(__file__).resolve().parents[3] / "node_modules" / "axe-core" / "axe.min.js"
FAULTS = "axe.run().then(found => found.violations.map(one => `${one.id}: ${one.nodes.map(each => each.html)}`))"


@dataclass
class App:
    """What runs on loopback."""

    server: ThreadingHTTPServer
    desks: dict[str, Desk]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def app() -> Iterator[App]:
    stores = LocalStores()
    desks = {name: Desk(stores.of(name), Rules(second_opinions=0.0)) for name in ("clinic", "bank")}
    now = datetime.now(UTC)
    for name, desk in desks.items():
        tasks = [shown(number) for number in range(12)]
        desk.put(tasks, CONTEXT | {"endpoint": name}, now)
    people = {"ann": frozenset(["clinic"]), "bob": frozenset(["clinic", "bank"])}
    server = serve(desks, people)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield App(server, desks)
    server.shutdown()
    server.server_close()


def shown(number: int) -> dict[str, Any]:
    features = {"Slope": number + 0.25, "Area": HOSTILE if number == 0 else "Rawah"}
    return task(number, 0.5 + number / 100) | {"features": features}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    with browser.browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


def signed_in(page: browser.Page, app: App, name: str) -> browser.Page:
    page.open(app.url)
    page.wait("!document.getElementById('names').hidden")
    page.ask("document.getElementById('name').focus()")
    page.type(name)
    page.press("Enter")
    page.wait("!document.getElementById('task').hidden && !document.querySelector('[aria-busy]')")
    return page


def answers(app: App, endpoint: str = "clinic") -> list[dict[str, Any]]:
    store = app.desks[endpoint].store
    return [entry for _, record in store.page("task#", 100) for entry in record["history"]]


def press(page: browser.Page, key: str, done: int) -> None:
    """A key, and the next task."""
    page.press(key)
    page.wait(f"document.getElementById('counts').textContent.startsWith('{done} done')")
    page.wait("!document.querySelector('[aria-busy]')")


def test_ten_tasks_by_keyboard_with_the_connection_lost_on_the_way(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    for done in range(1, 5):
        press(page, "a", done)
    page.offline(True)
    page.press("1")
    page.wait("!document.getElementById('lost').hidden")
    assert len(answers(app)) == 4
    page.offline(False)
    page.wait("document.getElementById('counts').textContent.startsWith('5 done')")
    page.wait("!document.querySelector('[aria-busy]')")
    assert page.ask("document.getElementById('lost').hidden")
    press(page, "2", 6)
    press(page, "u", 5)
    press(page, "1", 6)
    for done in range(7, 11):
        press(page, "a", done)
    said = [entry["label"] for entry in answers(app) if entry["action"] == "answer"]
    assert len(said) == 11
    assert {entry["reviewer"] for entry in answers(app)} == {"ann"}
    assert page.ask("document.activeElement.id") == "question"


def test_a_comment_is_written_without_keys_answering(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    page.press("c")
    page.wait("document.activeElement.id === 'comment'")
    for key in "as1":
        page.press(key)
    page.press("Escape")
    press(page, "a", 1)
    [entry] = answers(app)
    assert entry["comment"] == "as1"


def test_keys_can_be_switched_off(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    page.ask("document.getElementById('keys').click()")
    page.ask("document.getElementById('question').focus()")
    page.press("a")
    page.press("s")
    page.ask("document.getElementById('keys').click()")
    page.ask("document.getElementById('question').focus()")
    press(page, "a", 1)
    assert [entry["action"] for entry in answers(app)] == ["answer"]


def test_two_people_never_see_one_task(chromium: browser.Browser, app: App) -> None:
    ann, bob = signed_in(chromium.page(), app, "ann"), signed_in(chromium.page(), app, "bob")
    bob.ask("{const s = document.getElementById('endpoint'); s.value = 'clinic'; s.dispatchEvent(new Event('change'))}")
    bob.wait("!document.querySelector('[aria-busy]') && document.querySelector('nav [aria-current]')")
    leases = [
        record["lease"]["reviewer"] for _, record in app.desks["clinic"].store.page("task#", 100) if record["lease"]
    ]
    assert sorted(leases) == ["ann", "bob"]
    for done in range(1, 5):
        press(ann, "a", done)
        press(bob, "a", done)
    said = {record["task"]["id"]: record["history"] for _, record in app.desks["clinic"].store.page("task#", 100)}
    assert [len(history) for history in said.values() if history] == [1] * 8


def test_a_reviewer_of_another_endpoint_is_refused(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    status = "fetch('api/bank/tasks', {headers: {Authorization: 'Bearer ann'}}).then((answer) => answer.status)"
    assert page.ask(status) == 403
    assert page.ask("document.getElementById('endpoint').options.length") == 1
    page.open(f"{app.url}?endpoint=bank")
    page.wait("!document.getElementById('task').hidden")
    assert page.ask("document.getElementById('endpoint').value") == "clinic"


def test_an_unknown_name_gets_no_task(chromium: browser.Browser, app: App) -> None:
    page = chromium.page()
    page.open(app.url)
    page.wait("!document.getElementById('names').hidden")
    page.ask("document.getElementById('name').focus()")
    page.type("eve")
    page.press("Enter")
    page.wait("document.getElementById('told').textContent.includes('no reviewer')")
    assert page.ask("document.getElementById('task').hidden")


def test_hostile_text_of_a_record_shows_as_text(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    assert HOSTILE in page.text()
    assert page.ask("document.title") == "Review of predictions"
    assert page.ask("document.querySelectorAll('main img, main script, nav img').length") == 0
    assert page.complaints == []


def test_the_policy_of_the_page_refuses_scripts_of_others(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    page.ask(
        "{const s = document.createElement('script'); s.textContent = 'document.title = 3'; document.body.append(s)}"
    )
    page.ask("{const s = document.createElement('script'); s.src = 'http://127.0.0.1:9/x.js'; document.body.append(s)}")
    assert page.ask("document.title") == "Review of predictions"
    assert any("Content Security Policy" in told for told in page.complaints)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_nothing_is_cut_off_and_all_is_large_enough_to_touch(
    chromium: browser.Browser, app: App, width: int, height: int
) -> None:
    page = signed_in(chromium.page(width, height), app, "ann")
    assert page.ask("document.documentElement.scrollWidth") <= width
    small = "[...document.querySelectorAll('main button')].filter((b) => b.offsetParent && b.offsetHeight < 44).length"
    assert page.ask(small) == 0
    assert page.ask("document.getElementById('answers').getBoundingClientRect().bottom") < height


def test_a_screen_reader_is_told_what_it_needs(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and "role" in node
    }
    nameless = {
        role
        for role, name in named
        if not name and role in ("button", "textbox", "checkbox", "combobox", "progressbar")
    }
    assert nameless == set()
    assert ("heading", "Is this prediction right?") in named
    assert ("progressbar", "Done today") in named
    assert any(role == "button" and name.startswith("0: agree") for role, name in named)
    assert "above 2 % of the baseline" in page.text()


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: make setup")
@pytest.mark.parametrize(("width", "height", "is_dark"), [(390, 844, False), (1280, 900, True), (1280, 900, False)])
def test_axe_finds_nothing_that_shuts_people_out(
    chromium: browser.Browser, app: App, width: int, height: int, is_dark: bool
) -> None:
    page = chromium.page(width, height, is_dark)
    page.open(app.url)
    page.wait("!document.getElementById('names').hidden")
    page.ask(AXE.read_text() + ";0")
    assert page.ask(FAULTS) == []
    signed_in(page, app, "ann")
    page.ask(AXE.read_text() + ";0")
    assert page.ask(FAULTS) == []
    press(page, "a", 1)
    assert page.ask(FAULTS) == []


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: make setup")
def test_axe_would_find_a_field_without_a_name(chromium: browser.Browser, app: App) -> None:
    page = signed_in(chromium.page(), app, "ann")
    page.ask("document.querySelector('main').append(document.createElement('select'))")
    page.ask(AXE.read_text() + ";0")
    assert [one.partition(":")[0] for one in page.ask(FAULTS)] == ["select-name"]


def test_the_page_looks_like_its_accepted_snapshot(
    request: pytest.FixtureRequest, chromium: browser.Browser, app: App
) -> None:
    page, judge = signed_in(chromium.page(), app, "ann"), chromium.page()
    press(page, "a", 1)
    is_updating = pictures.is_updating(request, judge, ACCEPTED)
    found = pictures.distances(page, judge, ACCEPTED / "task", is_updating)
    assert max(found.values()) < pictures.FURTHEST, found
