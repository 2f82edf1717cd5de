"""``make fuzz``: every target under atheris for a bounded time, and a table.

Environment: ``FUZZ_SECONDS`` for each target (60), ``FUZZ_JOBS`` targets at a time (2),
``FUZZ_TARGETS`` some of them (all). Exit code 1 if anything was found. What was found
is kept in ``.cache/fuzz/findings``, with its log beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "fuzz"
FINDINGS = CACHE / "findings"
RSS_LIMIT_MB = 1024
TIMEOUT_S = 10
"""For one input: less than a detector's patience."""
MAX_LENGTH = 1 << 16


@dataclass(frozen=True)
class Outcome:
    """What came of one target."""

    target: str
    seconds: float
    executions: int
    corpus: int
    findings: int
    log: Path


def fuzz(target: str, seconds: int) -> Outcome:
    """Run one target; its corpus is kept for the next time."""
    corpus = CACHE / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds(target):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    log = FINDINGS / f"{target}.log"
    before = _artifacts(target)
    begun = time.monotonic()
    with log.open("wb") as file:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.fuzz.one",
                target,
                f"-max_total_time={seconds}",
                f"-rss_limit_mb={RSS_LIMIT_MB}",
                f"-timeout={TIMEOUT_S}",
                f"-max_len={MAX_LENGTH}",
                "-print_final_stats=1",
                f"-artifact_prefix={FINDINGS / target}-",
                str(corpus),
            ],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    took = time.monotonic() - begun
    found = len(_artifacts(target) - before) or int(done.returncode != 0)
    text = log.read_text(encoding="utf-8", errors="replace")
    counted = re.findall(r"^stat::number_of_executed_units:\s*(\d+)", text, re.M)
    executions = int(counted[-1]) if counted else 0
    # A target that did not run proves nothing.
    found = found or int(executions == 0)
    return Outcome(target, took, executions, len(list(corpus.iterdir())), found, log)


def _artifacts(target: str) -> set[Path]:
    FINDINGS.mkdir(parents=True, exist_ok=True)
    kinds = ("crash", "timeout", "oom", "leak", "slow-unit")
    return {path for kind in kinds for path in FINDINGS.glob(f"{target}-{kind}-*")}


def table(outcomes: list[Outcome]) -> str:
    """The outcomes, for people."""
    head = f"{'target':24}{'seconds':>8}{'executions':>12}{'corpus':>8}{'findings':>10}"
    return "\n".join(
        [head]
        + [
            f"{o.target:24}{o.seconds:8.0f}{o.executions:12}{o.corpus:8}{o.findings:10}"
            for o in outcomes
        ]
    )


def main() -> int:
    """All targets; 1 if there are findings."""
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    chosen = os.environ.get("FUZZ_TARGETS", "").split() or list(TARGETS)
    jobs = int(os.environ.get("FUZZ_JOBS", "2"))
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(lambda target: fuzz(target, seconds), chosen))
    sys.stdout.write(table(outcomes) + "\n")
    bad = [outcome for outcome in outcomes if outcome.findings]
    for outcome in bad:
        sys.stdout.write(f"{outcome.target}: see {outcome.log.relative_to(ROOT)}\n")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
