"""`report.html`: it parses, says each figure, and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from recorder.config import Settings
from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.records.alarms import RunAlarm
from recorder.records.image_report import LineReport
from recorder.records.report_json import report_from_json, report_to_json
from recorder.records.run_report import RunReport
from recorder.records.scan_report import BlockCounts
from recorder.reports.cards import experiment_cards
from recorder.reports.experiments import by_experiment
from recorder.reports.html.alarms import MOST
from recorder.reports.html.chip import MOST_ACROSS
from recorder.reports.html.drawings import bar_of_three, histogram
from recorder.reports.html.elements import VOID
from recorder.reports.html.facts import RunFacts
from recorder.reports.html.over_run import over_run
from recorder.reports.html.page import experiment_page, report_page
from recorder.reports.png.experiment import experiment_png
from recorder.reports.png.summary import summary_png
from recorder.sinks.results.sink import ResultsSink
from recorder.testing.recorded import copy_journal, plain_settings
from tests.live_states import card, report
from tests.live_states import scan as chip_scan

ALONE = {*VOID, "path"}
UGLY = [
    "<script>alert(1)</script>",
    '" onload="x" \'',
    "</style></title><b>",
    "\x1b[31m\x00\u202e",
    "\ud800",
    "n" * 300,
    "&lt;&amp;",
    "javascript:x",
]
ANNOUNCED = (79.4, 79.4, 38.0, 90.0, 90.0, 90.0)


class Page(HTMLParser):
    """A page as a browser would take it apart; it fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.style = ""
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALONE
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)


def page(*runs: RunReport, facts: RunFacts | None = None) -> Page:
    told = {run.uid: facts or RunFacts() for run in runs}
    return Page(report_page(by_experiment(runs), told))


def safe(found: Page) -> None:
    """Nothing that is run, fetched, or styled from outside."""
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "base", "form"}
    for tag, attrs in found.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        assert "src" not in attrs
        assert tag != "a" or (attrs["href"] or "").startswith("./")


def test_it_says_each_figure_of_the_report():
    run = report()
    text = page(run, facts=RunFacts(unit_cell=ANNOUNCED)).text
    body = report_to_json(run)
    numbers = [
        *(body["images"][k] for k in ("declared", "expected", "received", "lost")),
        *(body["images"][k] for k in ("missed_triggers", "classified", "pending")),
        *body["images"]["unprocessed"].values(),
        *body["classes"].values(),
        *(body["pump"][k] for k in ("light", "dark", "unknown")),
        *(body["delays"][0][k] for k in ("images", "hits", "indexed")),
        body["event_chains"][0]["measured"][0]["seen"],
        *(n for n in body["resolution"]["counts"]),
    ]
    for number in numbers:
        assert re.search(rf"(?<![\d,]){number:,}(?![\d,])", text), number
    assert "20.05 % (95 %: 19.28 to 20.85 %)" in text
    assert "7 to 8" in text  # lost images
    assert "79.10 79.10 38.20 Å, 90.00 90.00 90.00°" in text
    assert "median 79.10 Å, announced 79.40 Å" in text
    assert "1.93 Å" in text
    assert "fired 4997 times of 5000" in text
    assert "10,000/10,000 accounted, DCG 2, DC 123, chain written" in text
    assert "3 ms" in text


def test_a_policy_lets_only_its_own_style_in():
    found = page(report())
    policy = next(
        attrs["content"] or ""
        for tag, attrs in found.tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    made = base64.b64encode(hashlib.sha256(found.style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{made}'" in policy
    assert "url(" not in found.style and "@import" not in found.style
    assert "unsafe" not in policy


@pytest.mark.parametrize("text", UGLY)
def test_ugly_names_are_text(text):
    facts = RunFacts(text, text, text, text, text, text)
    found = page(report(1, text), report(2, text), facts=facts)
    safe(found)
    safe(Page(experiment_page(experiment_card(text), {"uid-1": text}, "j")))


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_law_no_text_whatever_becomes_an_element(text):
    plain_page = [tag for tag, _ in page(report()).tags]
    assert [tag for tag, _ in page(report(3, text)).tags] == plain_page or not text


def test_a_run_of_which_nothing_is_known():
    found = page(RunReport(0, "x"))
    safe(found)
    assert "not sealed (announced)" in found.text


def test_a_run_that_is_not_closed_says_why():
    run = report()
    ledger = replace(run.ledger, closed=False, differences=("one and one is three",))
    text = page(replace(run, ledger=ledger)).text
    assert "NOT CLOSED: one and one is three" in text
    assert "the sums do not hold" in text


def test_a_report_of_an_earlier_recorder():
    body = {"run": 1, "uid": "u", "classes": {"indexed": 3}}
    assert "3 indexed" in page(report_from_json(body)).text


def test_nothing_recorded_is_a_page_too():
    assert "nothing recorded" in page().text


def experiment_card(text: str = "lysozyme"):
    return experiment_cards([card(2, text), card(1, text)])[0]


def test_an_experiment_links_to_the_pages_of_its_runs():
    folders = {"uid-1": "run001", "uid-2": "run 2%"}
    found = Page(experiment_page(experiment_card(), folders, "j"))
    safe(found)
    links = [attrs["href"] for tag, attrs in found.tags if tag == "a"]
    assert links == ["./run%202%25/report.html", "./run001/report.html"]
    assert "2,802 indexed" in found.text


@given(st.lists(st.integers(0, 10**9), min_size=3, max_size=3))
def test_law_the_bar_of_three_is_whole(numbers):
    widths = [
        float(w) for w in re.findall(r'<rect[^>]*width="(.*?)"', bar(*numbers).text)
    ]
    assert sum(widths) == pytest.approx(600 if sum(numbers) else 0, abs=0.1)


def bar(*numbers: int):
    return bar_of_three(*numbers)


def test_a_histogram_without_counts_or_width_is_drawn():
    Page(histogram("a", (), 0.0, 0.0, (("median", 0.0),)).text)
    Page(histogram("a", (0, 0), 1.0, 2.0, (("median", 5.0),)).text)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=200),
    st.integers(0, 10**6),
)
def test_law_each_point_of_the_line_is_drawn_or_is_a_gap(points, step):
    line = LineReport(step, tuple(n for _, n in points), tuple(h for h, _ in points))
    found = over_run(line).text
    known = [n for n, (h, whole) in enumerate(points) if h <= whole and whole]
    drawn = re.findall(r'<polyline points="(.*?)"', found)
    alone = [n for n in known if not {n - 1, n + 1} & set(known)]
    assert sum(len(one.split()) for one in drawn) == len(known) + len(alone)
    assert "nan" not in found and "inf" not in found


def test_the_line_and_the_targets_are_told():
    found = page(report())
    assert "hit rate with its 95 % interval, 100 images a point" in found.text
    assert "target of delay" in found.text
    assert [tag for tag, _ in found.tags].count("polyline") == 4


def test_each_alarm_is_told_with_its_change_its_hint_and_its_end():
    text = page(report()).text
    for words in (
        "\u25b2 ALARM 2023-11-14 22:13:46",
        "Hit rate fell from 20 % to about 9 % since image 3012",
        "Perhaps the jet moved or clogged",
        "3,012, 2023-11-14 22:13:41",
        "not told by images, 2023-11-14 22:13:48",
        "2023-11-14 22:14:18 after 30.5 s: It follows again",
        "by nobody",
        "by lysozyme",
    ):
        assert words in text
    for number in ("0.2031", "0.0912", "-7.4", "41.2", "24.3", "-12.1"):
        assert number in text


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(
            RunAlarm,
            st.text(max_size=5),
            severity=st.sampled_from(["red", "amber", "info"]),
            text=st.text(max_size=9),
            raised=st.one_of(st.text(max_size=12), st.datetimes().map(str)),
            cleared=st.none() | st.text(max_size=12) | st.datetimes().map(str),
            since_image=st.none() | st.integers(0, 10**9),
        ),
        max_size=60,
    )
)
def test_law_each_alarm_is_shown_or_counted(alarms):
    run = replace(RunReport(0, "x"), alarms=tuple(alarms))
    found = page(run)
    safe(found)
    shown = [a for t, a in found.tags if (a.get("class") or "").startswith("alarm ")]
    told = re.search(r"and (\d+) more", found.text) if len(alarms) > MOST else None
    assert len(shown) + (int(told[1]) if told else 0) == len(alarms)
    assert pixels(summary_png(run, RunFacts())).size == (1240, 1754)


def test_the_chip_is_told_by_well_block_and_shot():
    found = page(report())
    text = found.text
    for words in (
        "803 indexed 20.13 %",
        "35 lost, unclassified or unknown",
        "500 unseen",
        "2 x 4 of 20 x 25",
        "40 x 100",
        "first column: the first column has fewer hits",
        "no image",
        "17.97 % (95 %: 16.73 to 19.30 %)",
        "1.874",
    ):
        assert words in re.sub(r"\s+", " ", text), words
    blocks = [a for t, a in found.tags if t == "rect" and a.get("class") == "block"]
    assert len(blocks) == 8


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), max_size=300),
)
def test_law_a_chip_of_any_shape_is_drawn_within_the_page(blocks, counted):
    by_block = tuple(BlockCounts(n, *row) for n, row in enumerate(counted))
    scan = replace(chip_scan(), blocks=blocks, by_block=by_block)
    run = replace(RunReport(0, "x"), scan=scan)
    drawn = report_page(by_experiment([run]), {})
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)"[^>]*class="block"', drawn)
    shown = min(len(by_block), blocks[0] * blocks[1])
    few = shown < 2 or blocks[1] > MOST_ACROSS
    assert len(set(boxes)) == len(boxes) == (0 if few else shown)
    assert "nan" not in drawn
    edge = pixels(summary_png(run, RunFacts())).crop((1171, 0, 1240, 1754))
    assert edge.getcolors() == [(69 * 1754, (255, 255, 255))]


# -- files -----------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Settings:
    settings = plain_settings(tmp_path)
    copy_journal(settings)
    return settings


def write(settings: Settings) -> None:
    with closing(Journal(settings.journal_path)) as journal:
        sink = ResultsSink(settings)
        sink.open(journal)
        for record in journal.records(kinds=SINK_KINDS):
            sink.apply(record)
        sink.close()


def test_the_results_sink_leaves_both_pages_and_writes_the_same_again(written):
    write(written)
    above = written.results / "mx2345-1" / "conformance"
    pages = [above / "report.html", above / "run001" / "report.html"]
    first = [path.read_bytes() for path in pages]
    report_json = json.loads((above / "run001" / "report.json").read_text())
    text = Page(first[1].decode()).text
    for number in report_json["classes"].values():
        assert f"{number:,}" in text
    links = re.findall(r'href="(.*?)"', first[0].decode())
    assert all((above / link).is_file() for link in links) and links
    write(written)
    assert [path.read_bytes() for path in pages] == first


def test_the_page_of_another_journals_experiment_stays(written):
    above = written.results / "mx2345-1" / "conformance"
    above.mkdir(parents=True)
    for name in ("report.html", "summary.png"):
        (above / name).write_text("somebody's")
    write(written)
    write(written)
    for name in ("report.html", "summary.png"):
        assert (above / name).read_text() == "somebody's"
    assert len(list(above.glob("report-*.html"))) == 1
    assert len(list(above.glob("summary-*.png"))) == 1


def test_the_picture_of_an_experiment_is_replaced_by_its_own_journal(written):
    above = written.results / "mx2345-1" / "conformance"
    write(written)
    first = (above / "summary.png").read_bytes()
    assert pixels(first).size == (1240, 1754)
    write(written)
    assert (above / "summary.png").read_bytes() == first
    assert [path.name for path in above.glob("summary*")] == ["summary.png"]


# -- the picture -----------------------------------------------------------------------


def pixels(body: bytes):
    return Image.open(io.BytesIO(body)).convert("RGB")


@pytest.mark.parametrize("text", [*UGLY, "\u00fc\u540d\U0001f600"])
def test_the_picture_is_one_page_whatever_the_names(text):
    facts = RunFacts(text, text, text, text, text, text, ANNOUNCED)
    found = pixels(summary_png(report(1, text), facts))
    assert found.size == (1240, 1754)
    edge = found.crop((0, 0, 40, 1754))
    assert edge.getcolors() == [(40 * 1754, (255, 255, 255))]


def test_the_picture_has_the_bar_of_three_in_its_shares():
    found = pixels(summary_png(report(), RunFacts()))
    row = next(
        y for y in range(found.height) if near(found.getpixel((71, y)), (0, 114, 178))
    )
    line = [found.getpixel((x, row + 5)) for x in range(70, 1170)]
    shares = [sum(near(p, c) for p in line) / len(line) for c in THREE_COLOURS]
    assert shares == pytest.approx([0.1401, 0.0602, 0.7997], abs=0.003)


THREE_COLOURS = ((0, 114, 178), (213, 94, 0), (196, 204, 212))


def near(one, two) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(one, two, strict=True))


def test_the_picture_of_a_run_of_which_nothing_is_known():
    assert pixels(summary_png(RunReport(0, "x"), RunFacts())).size == (1240, 1754)


@pytest.mark.parametrize("runs", [1, 200])
@pytest.mark.parametrize("text", UGLY)
def test_the_picture_of_an_experiment_is_one_page(text, runs):
    cards = [card(n, text) for n in range(runs, 0, -1)]
    found = pixels(experiment_png(experiment_cards(cards, 150)[0]))
    assert found.size == (1240, 1754)
    for edge in ((0, 0, 40, 1754), (1200, 0, 1240, 1754), (0, 1720, 1240, 1754)):
        assert len(found.crop(edge).getcolors()) == 1


def test_the_picture_of_a_run_shows_alarms_and_chip():
    with_all = pixels(summary_png(report(), RunFacts()))
    without = replace(report(), alarms=(), scan=None)
    colours = [one for _, one in with_all.getcolors(1 << 20)]
    assert any(near(one, (207, 34, 46)) for one in colours)
    assert pixels(summary_png(without, RunFacts())).tobytes() != with_all.tobytes()


def test_without_pillow_the_page_is_written_alone(written, monkeypatch):
    monkeypatch.setattr("recorder.sinks.results.pages.can_draw", lambda: False)
    write(written)
    run = written.results / "mx2345-1" / "conformance" / "run001"
    assert (run / "report.html").is_file()
    assert not (run / "summary.png").exists()
