"""report.html: one page that answers what broke, how bad, and what to do, and holds nothing but text and pictures."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from model_monitor.api import draw_report
from model_monitor.contract import Verdict
from model_monitor.errors import SettingsError
from model_monitor.job.configuration import parse_configuration
from model_monitor.pages import drawing, report, telling
from tests.conftest import ROOT

CASES = ROOT / "tests" / "golden" / "cases"
VOID = {"meta", "br", "path"}
HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7*7 }}\u202e &amp;"


def of(case: str, kind: str = "monitor") -> dict[str, Any]:
    return report.read(CASES / case / "expected" / kind / "report.json")


class Page(HTMLParser):
    """What a browser sees of a page: tags with attributes, and text outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def seen(content: dict[str, Any]) -> Page:
    found = Page(report.page(content))
    assert not found.open, "every tag is closed"
    return found


# --- what a person learns ------------------------------------------------------------------------------------------------


def test_one_change_under_several_names_is_told_once_above_and_each_stands_in_the_table() -> None:
    content = of("broken")
    slope = next(check for check in telling.all_checks(content) if check["subject"] == "Slope" and check["sentence"])
    again = {**slope, "subject": "slope in degrees", "same_as": "Slope"}
    content["monitors"][0]["checks"].append(again)
    assert not any(line.startswith("slope in degrees") for line in telling.changes(content))
    text = seen(content).text
    assert "wrong types in Elevation; drift of Slope." in text
    assert "slope in degrees" in text[text.index("Checks") :]


def test_a_person_learns_what_broke_how_bad_and_what_to_do() -> None:
    text = seen(of("broken")).text
    assert "Violated 2 of 14 evaluated checks violated: wrong types in Elevation; drift of Slope." in text
    assert "Slope: median 22.85 -> 41.86" in text
    assert "Have the data mended where it comes from" in text
    assert "Ask what changed" in text
    assert (
        text.index("What changed")
        < text.index("What to do next")
        < text.index("Features, by drift")
        < text.index("Checks")
    )
    assert "distance 0.6393, limit 0.1000" in text
    assert "malformed JSON payload 1" in text


def test_quality_is_told_with_intervals_beside_the_baseline_and_its_matrix() -> None:
    text = seen(of("labelled")).text
    assert "precision too low" in text
    assert "precision 0.2083 0.0459 to 0.3708 0.7179 0.7179 0.2917 violated" in text
    assert "recall 0.8333 0.5351 to 1 0.7568 0.7568 0 held" in text, "an interval of a share ends at 1"
    assert "Confusion matrix" in text
    assert "54 of 60 (90.0%)" in text
    assert "By country" in text


def test_advice_names_the_likely_cause_and_nothing_that_is_not_there() -> None:
    (new_values, drift) = telling.steps_of(Verdict.VIOLATED, ["categorical_values_check"])
    assert "a client may write the same things in another form" in new_values
    assert "Ask what changed" in drift
    (wrong,) = telling.steps_of(Verdict.VIOLATED, ["LessThanThreshold"])
    assert "slices where some are configured" in wrong
    (unmatched,) = telling.steps_of(Verdict.INSUFFICIENT_DATA, [])
    assert "compare the ids with those of the captures" in unmatched


def changed(content: dict[str, Any], verdict: Verdict, reason: str = "", **more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(content), "verdict": verdict.value, "reason": reason, **more}


@pytest.mark.parametrize(
    ("content", "expected", "step"),
    [
        (of("healthy"), "No violation All 12 evaluated checks held over", "Nothing."),
        (of("quiet"), "No traffic Job inputs had no data", "A quiet window is fine."),
        (of("healthy", "baseline"), "Baseline A baseline was made of", "have windows compared"),
        (
            changed(of("healthy"), Verdict.INSUFFICIENT_DATA, "no baseline"),
            "Not evaluated No baseline.",
            "This window is no proof that all is well.",
        ),
        (
            changed(of("labelled"), Verdict.WAITING, "labels are due at noon"),
            "Waiting for labels Labels are due at noon.",
            "judged when its labels are due",
        ),
        (
            changed(
                of("healthy"),
                Verdict.ERROR,
                error={"type": "E", "message": "x.csv: broken.", "place": ""},
                monitors=[],
            ),
            "The run failed x.csv: broken.",
            "so nothing is known of this window",
        ),
    ],
    ids=["ok", "no data", "baseline", "insufficient", "waiting", "error"],
)
def test_every_verdict_has_its_own_clear_page(content: dict[str, Any], expected: str, step: str) -> None:
    text = seen(content).text
    assert expected in text
    assert step in text
    assert "A rehearsal." not in text


def test_a_rehearsal_says_that_it_is_one() -> None:
    assert "A rehearsal. One violation was forced" in seen({**of("broken"), "rehearsal": True}).text


def test_features_stand_by_drift_those_of_violations_first() -> None:
    names = [feature["name"] for feature in report.features(of("broken")["monitors"][0])]
    assert names == ["Slope", "Elevation", "Income", "Area"]


def test_attributions_stand_beside_those_of_the_baseline() -> None:
    content = of("healthy")
    check = content["monitors"][0]["checks"][0]
    now = {"name": "spruce", "ndcg": 0.8, "expected_value": 0.1, "attributions": {"a": 0.1, "b": 0.9, "c": None}}
    content["monitors"].append(
        {
            **content["monitors"][0],
            "type": "ModelExplainability",
            "key": "model_explainability",
            "checks": [{**check, "subject": "spruce", "outcome": "violated", "allowed": 0.95}],
            "summary": {"labels": [now]},
            "pictures": {"baseline": {"spruce": {"a": 0.6, "b": 0.2, "gone": 0.1}}},
        }
    )
    text = seen(content).text
    assert "spruce agreement of the rankings (NDCG) 0.8000, limit 0.9500: violated" in text
    assert "b 2. → 1." in text
    assert "a 1. → 2." in text
    assert "gone 3. → -." in text


def test_bias_stands_by_group_with_what_is_violated() -> None:
    content = of("healthy")
    facet = {
        "facet": "area",
        "group": "south",
        "value_or_threshold": "south",
        "reason": "",
        "advantaged": 70,
        "disadvantaged": 30,
    }
    check = {
        **content["monitors"][0]["checks"][0],
        "subject": "DPPL of area south",
        "outcome": "violated",
        "sentence": "DPPL 0.3",
    }
    content["monitors"].append(
        {
            **content["monitors"][0],
            "type": "ModelBias",
            "key": "model_bias",
            "checks": [check],
            "summary": {
                "facets": [{**facet, "pre": {}, "post": {"DPPL": {"value": 0.3}, "DI": {"value": "Infinity"}}}]
            },
        }
    )
    text = seen(content).text
    assert (
        "area south 30 records of the group, 70 of all others DPPL 0.3 metric of baseline now sampling explains outcome"
        in text
    )
    assert "DPPL predictions - 0.3000 - violated DI predictions - Infinity - -" in text


# --- what it is made of ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["broken", "labelled", "quiet", "positional", "healthy"])
def test_a_page_needs_nothing_else_and_runs_nothing(case: str) -> None:
    html = report.page(of(case))
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not {"src", "href", "srcset", "action"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    for word in ("url(", "@import", "http://", "https://"):
        assert word not in html
    assert "default-src 'none'" in html
    for word in ("prefers-color-scheme: dark", "@media print", "width=device-width"):
        assert word in html


def everywhere(content: Any) -> Any:
    """The same report with hostile text in the place of every name and value that is no word of ours."""
    kept = {
        "type",
        "key",
        "verdict",
        "kind",
        "outcome",
        "check_type",
        "decision",
        "inferred_type",
        "started",
        "problem_type",
    }
    if isinstance(content, dict):
        names = {"reading", "by_reason", "variants", "provenance"}
        return {
            key: value if key in kept else {HOSTILE: 1} if key in names - {"reading"} else everywhere(value)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [everywhere(value) for value in content]
    return HOSTILE if isinstance(content, str) else content


@pytest.mark.parametrize("case", ["broken", "labelled", "quiet"])
def test_hostile_names_and_values_show_as_text(case: str) -> None:
    plain, hostile = Page(report.page(of(case))), Page(report.page(everywhere(of(case))))
    assert {tag for tag, _ in hostile.tags} <= {tag for tag, _ in plain.tags} | {"section", "p", "li", "ul", "td"}
    attributes = {name for _, found in hostile.tags for name in found}
    assert attributes <= {name for _, found in Page(report.page(of("labelled"))).tags for name in found} | {"tabindex"}
    assert " ".join(HOSTILE.split()) in hostile.text
    assert "49" not in hostile.text.split(), "no template runs in a name"


def test_nothing_of_a_restricted_feature_is_drawn() -> None:
    content = of("broken")
    (income,) = [feature for feature in report.features(content["monitors"][0]) if feature["name"] == "Income"]
    assert income["bars"] is None
    assert income["rows"] == []
    told = "distance 0.1000, limit 0.1000 (0.4583 observed, beyond it by chance) · restricted, not drawn"
    assert f"Income Integral, 100.0% complete · {told}" in seen(content).text


def test_labels_that_met_no_record_or_each_other_are_told() -> None:
    content = of("labelled")
    assert "replaced by a later one" not in seen(content).text
    content["ground_truth"]["repeats"] = 3
    (quality,) = [each for each in content["monitors"] if each["type"] == "ModelQuality"]
    quality["summary"]["labels"]["without_prediction"] = 7
    text = seen(content).text
    assert "3 replaced by a later one of the same record, 7 name a record that the window does not have" in text


def test_it_says_how_many_records_a_window_tells_as_much_as() -> None:
    content = of("labelled")
    assert "judged as" not in seen(content).text
    content["design_effect"] = 3.0
    records = content["reading"]["records"]
    assert f"judged as {round(records / 3)} records drawn one by one" in seen(content).text
    assert "judged as" not in seen(content | {"kind": "baseline"}).text


def test_a_report_of_a_thousand_features_stays_below_five_megabytes() -> None:
    content = of("broken")
    monitor = content["monitors"][0]
    checks, features, pictures = monitor["checks"], monitor["summary"]["features"], monitor["pictures"]["features"]
    names = [f"feature_number_{n}" for n in range(1000)]
    monitor["checks"] = [{**check, "subject": name} for name in names for check in checks[2:6]]
    monitor["summary"]["features"] = [{**features[n % 3], "name": name} for n, name in enumerate(names)]
    monitor["pictures"]["features"] = [{**pictures[n % 3], "name": name} for n, name in enumerate(names)]
    html = report.page(content)
    assert html.count("<section") == 1000
    assert len(html.encode()) < 5_000_000


def test_a_page_leads_where_its_configuration_says_and_nowhere_else() -> None:
    links = {
        "dashboard": "https://a.example/#d",
        "runbook": "https://a.example/r",
        "review": "javascript:alert(1)",
        "x": "https://b",
    }
    page = seen({**of("broken"), "links": links})
    assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == [links["dashboard"], links["runbook"]]
    assert "Look on: dashboard · runbook" in page.text


def test_an_address_that_is_none_of_the_web_is_refused() -> None:
    links = {"runbook": "http://a.example", "elsewhere": "https://a.example"}
    with pytest.raises(SettingsError) as error:
        parse_configuration(json.dumps({"version": 1, "links": links}).encode(), "config.json")
    assert "links.runbook: should be an address that begins with https://" in str(error.value)
    assert "elsewhere" in str(error.value)


# --- doors -----------------------------------------------------------------------------------------------------------------


def test_the_command_draws_a_report_beside_itself_or_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").write_text(json.dumps(of("broken")))
    assert cli.main(["report", str(tmp_path)]) == 0
    page = tmp_path / "report.html"
    assert capsys.readouterr().out.strip() == str(page)
    assert page.read_text() == report.page(of("broken"))
    assert draw_report(tmp_path, tmp_path / "api.html").read_text() == page.read_text()
    elsewhere = tmp_path / "deep" / "page.html"
    assert cli.main(["report", str(tmp_path / "report.json"), "--html", str(elsewhere)]) == 0
    assert elsewhere.read_text() == page.read_text()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ('{"version": 9}', "is no report.json of version 1"),
        ("[]", "is no report.json"),
    ],
)
def test_what_is_no_report_is_an_error_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    assert cli.main(["report", str(tmp_path / "report.json")]) == 1
    assert told in capsys.readouterr().err
    with pytest.raises(SettingsError):
        report.read(tmp_path / "report.json")


# --- pictures ----------------------------------------------------------------------------------------------------------------


def test_bars_are_shares_of_the_tallest_side_by_side() -> None:
    found = drawing.bars({"bounds": [0, 1, 2], "baseline": [10, 30], "window": [1, 1]})
    assert found is not None
    assert (found.low, found.high, found.top) == (0, 2, 0.75)
    assert found.baseline.count("M") == found.window.count("M") == 2
    assert "v-72.0h" in found.baseline, "three quarters of the baseline is the tallest"
    assert "v-48.0h" in found.window
    assert drawing.bars({"bounds": [0, 1], "baseline": [0], "window": [0]}) is not None
    assert drawing.bars({"categories": ["a"], "baseline": [1], "window": [1]}) is None


def test_a_curve_leaves_out_what_is_no_point() -> None:
    assert drawing.curve([0, 0.5, "NaN", 1], [0, 1, 0.5, 1], 100) == "M0.0 100.0L50.0 0.0L100.0 0.0"
    assert drawing.curve([], []) == ""


def test_the_worst_changes_come_first_and_many_are_cut() -> None:
    content = of("broken")
    check = next(
        check
        for check in content["monitors"][0]["checks"]
        if check["subject"] == "Slope" and check["outcome"] == "violated"
    )
    content["monitors"][0]["checks"] = [
        {**check, "subject": f"f{n}", "distance": 0.2 + n / 100, "sentence": f"moved {n}"} for n in range(20)
    ]
    told = telling.changes(content)
    assert told[0] == "f19: moved 19"
    assert told[-1] == "and 8 more, below"
    assert len(told) == 13
    assert "drift of f0, f1, f2 and 17 more" in telling.sentence(content)


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (
            "no record has 'amount'; columns that no feature names: 'total'",
            "1 of 1 evaluated check violated: no record has 'amount'.",
        ),
        ("", "1 of 1 evaluated check violated: missing columns: Missing columns."),  # of an older report
    ],
)
def test_the_verdict_says_which_column_is_missing(sentence: str, told: str) -> None:
    check = {
        "check_type": "missing_column_check",
        "subject": "Missing columns",
        "outcome": "violated",
        "sentence": sentence,
    }
    content = {"verdict": "violated", "reason": "", "kind": "monitor", "reading": {"records": 300}, "error": None}
    assert telling.sentence({**content, "monitors": [{"checks": [check]}]}) == told


def test_a_metric_is_named_once_and_f_half_with_a_point() -> None:
    check = {
        "check_type": "LessThanThreshold",
        "subject": "recall",
        "outcome": "violated",
        "sentence": "recall 0.6 -> 0.5",
    }
    check |= {"distance": None, "observed": 0.5, "allowed": 0.6, "description": ""}
    assert telling.changes({"monitors": [{"checks": [check]}]}) == ["recall: 0.6 -> 0.5"]
    assert report.words("f0_5_best") == "f0.5 best"
