"""The page of `recorder web` beside what `recorder report --json` says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.servers import TIMEOUT_S, recorder_environment
from tests.system.page.reading import share

pytestmark = pytest.mark.xdist_group("page")
IMAGES = 60


@dataclass(frozen=True)
class Recorded:
    url: str
    runs: list[Any]
    folder: Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A demonstration's two runs, and the page of its journal without a daemon."""
    folder = tmp_path_factory.mktemp("page")
    command = [sys.executable, "-m", "recorder"]
    environment = recorder_environment(folder / "recorder.toml")
    demo = [*command, "demo", "--dir", str(folder), "--images", str(IMAGES)]
    subprocess.run(demo, check=True, capture_output=True, env=environment)
    config = ["-c", str(folder / "recorder.toml")]
    told = subprocess.run(
        [*command, "report", "--json", *config],
        check=True,
        capture_output=True,
        env=environment,
    )
    (experiment,) = json.loads(told.stdout)["experiments"]
    web = subprocess.Popen(
        [*command, "web", "--port", "0", *config],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert web.stdout is not None
    yield Recorded(web.stdout.readline().split()[0], experiment["runs"], folder)
    web.terminate()
    web.wait(TIMEOUT_S)
    web.stdout.close()


def three(counts, images):
    other = images - counts["indexed"] - counts["non_indexed_hits"]
    parts = (counts["indexed"], counts["non_indexed_hits"], other)
    names = ("indexed", "non-indexed hits", "skipped")
    return [
        f"{part} {name} {100 * part / images:.2f} %"
        for part, name in zip(parts, names, strict=True)
    ]


def test_each_run_is_as_its_report(recorded, context, watched):
    page = watched(context.new_page())
    for run in recorded.runs:
        page.goto(f"{recorded.url}#run={run['run']}")
        expect(page.locator("#run-title")).to_have_text(f"Run {run['run']}: sealed")
        images = run["images"]
        shown = page.locator("#run-body .three li").all_inner_texts()
        assert shown == three(run["classes"], images["received"])
        ledger = page.locator("#run-body table tbody tr").all_inner_texts()
        assert f"lost\t{images['lost']}" in ledger
        assert f"received\t{images['received']}" in ledger
        proof = page.locator("#run-body .proof li").all_inner_texts()
        group, one = run["data_collection_group_id"], run["data_collection_id"]
        assert f"✓ ISPyB: DCG {group}, DC {one}" in proof
        assert all(line.startswith("✓") for line in proof), proof
        chains = page.locator("#chain-tables caption").all_inner_texts()
        names = [chain["name"] for chain in run["event_chains"]]
        assert [text.removesuffix(" over the collection") for text in chains] == names
        low, high = run["rates"]["hit_ci95"]
        rate = page.locator("#windows tbody tr").first.inner_text()
        text = f"{share(run['rates']['hit'])} % {share(low)}–{share(high)}"
        assert text in rate


def test_why_of_an_image_by_its_address(recorded, context, watched):
    page = watched(context.new_page())
    page.goto(f"{recorded.url}#image=1/3")
    expect(page.locator("#why-body")).to_contain_text("outcome")
    expect(page.locator("#why-body")).to_contain_text("pump")


def test_no_request_leaves_the_host_and_nothing_is_refused(recorded, context, watched):
    """``watched`` fails on other hosts, refusals of the policy, and missing files."""
    page = watched(context.new_page())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(recorded.url)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    page.locator("#card-list .run").first.wait_for()
    expect(page.locator("#version")).to_contain_text("recorder")
    assert len(asked) > 20  # modules
    assert all(url.startswith(recorded.url) for url in asked)
