"""Numbers in the prose are those of the code.

A constant that a page states has a line in ``NUMBERS``: the page, and the phrase as it
stands there, made from the constant. Who changes the constant must change the page.
"""

from __future__ import annotations

import math

import pytest

from recorder.classifying import lessons, material, timetable
from recorder.journal import pruning, snapshots_table, writer
from recorder.pool import backlog, overload, processes
from recorder.runs.book import (
    binding,
    clock_offsets,
    early_events,
    endings,
    known_runs,
    same_series,
)
from recorder.service import inbox, restoring
from recorder.sinks import runner
from recorder.ssx.alarms import baseline, comparing, hit_rate, medians, rates
from recorder.ssx.background import bins, learned_map, radial
from recorder.ssx.clocks import clock
from recorder.ssx.lattices import (
    acceptance,
    candidates,
    coincidence,
    indexer,
    own_cell,
)
from recorder.ssx.learning import (
    as_good,
    bad_pixels,
    cell_search,
    drift,
    hypotheses,
    trial,
    verdicts,
)
from recorder.ssx.learning import background as background_learning
from recorder.ssx.learning import lattice as lattice_learning
from recorder.ssx.matching import matcher, start_candidates, tolerances
from recorder.ssx.measured import audit
from recorder.ssx.spots import finder, integrate
from tests.unit.test_docs import DOCS

WORDS = {3: "three", 4: "four", 8: "eight", 10: "ten"}


def explanation(page: str) -> str:
    """The text of a page, on one line."""
    path = DOCS / "explanations" / f"{page}.md"
    return " ".join(path.read_text(encoding="utf-8").split())


def number(value: float) -> str:
    """4e-4 as 4·10⁻⁴, 1e-5 as 10⁻⁵, 0.45 as 0.45."""
    if value == 0 or 1e-3 < abs(value) < 1e5:
        return f"{value:g}"
    power = math.floor(math.log10(abs(value)) + 1e-9)
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    factor = f"{value / 10**power:g}"
    return f"10{raised}" if factor == "1" else f"{factor}·10{raised}"


def percent(share: float) -> str:
    return f"{round(share * 100, 6):g} %"


def thousands(value: int) -> str:
    return f"{value:,}".replace(",", " ")


TIMES = timetable.Timetable()
_solvent = " to ".join(number(value) for value in radial._SOLVENT)
_TIMES = "\N{MULTIPLICATION SIGN}"
_fills = [percent(fill) for fill, _ in overload._GIVING_UP]

NUMBERS = {
    "classification": [
        f"exceeds with a probability of {number(finder.P_PIXEL)}.",
        f"background exceeds with a probability of {number(finder._P_SUM)}.",
        f"areas of more than {finder._MAX_AREA} pixels",
        f"A spot has at least {number(integrate._MIN_PHOTONS)} photons",
        f"above its ring ({number(integrate._P_LOCAL)}; {number(integrate._P_ALONE)} ",
        f"within {integrate.MARGIN} pixels of the image's edge",
        f"At most {finder.MAX_SPOTS} spots are kept",
        f"less than {number(1 + radial._SNAP)} is photon counting",
        f"beam of {number(bins._BIN_WIDTH)} pixels (tiles of {bins._TILE} ",
        f"blocks of {learned_map.BLOCK} {_TIMES} {learned_map.BLOCK} pixels",
        f"each of {len(learned_map._ZONES) - 1} zones of resolution",
        f"solvent ring ({_solvent} Å)",
        f"non-hits (and in at least {WORDS[bad_pixels._LEAST]})",
        f"more than {number(background_learning._DEAD_COUNTS)} photons were expected",
        *(
            f"| {n} | {TIMES.used_from(n)} | {max(0, TIMES.window_from(n))} to "
            f"{TIMES.taught_before(n) - 1} | {TIMES.begun_from(n)} |"
            for n in range(1, 6)
        ),
        f"every {TIMES.period} | the {timetable.WINDOW} images that end "
        f"{TIMES.period // 2} before",
        f"images of {number(timetable.PERIOD_S)} s at the image rate of the header, at "
        f"least {timetable.SHORTEST} and at most {thousands(timetable.LONGEST)}",
        f"The first {timetable.OVERTAKEN} images of the lead, or a quarter of it",
        f"in that window {WORDS[material.BACKGROUND_IMAGES]} are taken",
        f"first {WORDS[lessons.NEVER_LEFT_OUT]} lessons of a run",
        f"of the last {WORDS[backlog.KEPT_STATES]} states",
        f"fewer than {WORDS[background_learning.MIN_IMAGES]}, the last map stays",
        f"at least {indexer._MIN_SPOTS_RETRY} spots, a **retry**",
        f"by at most {percent(candidates.SCALE_LIMIT)} in scale",
        f"within {number(indexer._SAME_DEGREES)}° of a known lattice",
        f"for primitive cells of more than {number(acceptance._BIG_VOLUME)} Å³, which "
        f"mere chance explains most easily: {number(acceptance._BIG_NFA)}",
        f"{number(-acceptance._EXTRA_NFA)} less for further lattices, and "
        f"{number(-acceptance._FITTED_NFA)} and {number(acceptance._FITTED_EVIDENCE)} "
        f"for each spot less for fitted ones, which need {acceptance._FITTED_SPOTS}",
        f"{number(coincidence._MISFIT)} of the tolerance on average, "
        f"{number(coincidence._MISFIT_OF_MUCH)} where it explains "
        f"{percent(coincidence._MUCH)}",
        f"one length by {percent(coincidence._BENT)} more than another",
        f"difference of {percent(own_cell._STRAIN_SIGMA)} from",
        f"-{number(acceptance._EVIDENCE)} for each spot",
        f"(at most {material.HITS}, of which up to {lattice_learning._TRIED} with at "
        f"least {lattice_learning.MIN_SPOTS} spots are tried), if at least "
        f"{WORDS[lattice_learning.MIN_HITS]} have",
        f"If {percent(lattice_learning._WELL)} of them index with the very cell in use",
        f"(half for each {number(drift.HALF_LIFE)} images)",
        f"At least {WORDS[hypotheses._LEAST_AGREE]} images, and a third",
        f"centre within {number(hypotheses._AGREE_PX)} px",
        f"At least {WORDS[cell_search._AGREE]} images, and a quarter",
        f"are tried on up to {lattice_learning._JUDGED} hits",
        f"index at least {WORDS[lattice_learning.MIN_HITS]} hits and "
        f"{percent(lattice_learning._FOUND_SHARE)} of those tried",
        f"no more than {percent(1 - trial._KEPT_SHARE)} of the indexed images, and "
        f"raise the evidence by {percent(trial._BETTER - 1)}",
        f"up to {percent(verdicts.MOST_SCALE)} of each are found and used",
        f"are more than {percent(verdicts._UNSAID)} apart, the recorder says so",
        f"are more than {percent(verdicts._EITHER)} apart and the spots tell the "
        f"distance to no better than {percent(verdicts._DETERMINED)}",
        f"{number(verdicts._MOST_ANGLE)}° of an angle or "
        f"{number(verdicts._MOST_CENTRE)} px of the centre, nothing is believed",
        f"clearly better (evidence {number(lattice_learning._CLEARLY)} times)",
        f"keeps {percent(hypotheses._AS_GOOD)} of the evidence",
        f"misses it by less than {percent(hypotheses._FITS)}",
        f"More than {number(drift.ALARM_PX)} px, or "
        f"{percent(drift.ALARM_SCALE)} between",
        f"| over {_fills[0]} | `no_retry`",
        f"| over {_fills[1]} | `one_lattice`",
        f"| over {_fills[2]} | `no_indexing`",
        f"| over {percent(overload._NO_SPOTS)} | one of "
        f"{WORDS[overload.SAMPLE]} images",
        f"in a run of fewer than {timetable.FIRST + 1} images",
        f"by more than {100 * as_good._LENGTH:g} %, an angle by more than "
        f"{as_good._ANGLE:g}°, the beam centre by more than {as_good._CENTRE:g} px",
    ],
    "timeline": [
        f"over the latest {matcher._ANCHORS} images",
        f"more than {number(clock.ALARM_PPM)} ppm is logged",
        f"({number(tolerances.SIGMAS)} standard deviations, at least "
        f"{number(tolerances.LEAST_NS / 1000)} µs, at most "
        f"{number(tolerances._REACH)} of",
        f"up to {matcher._SPARE} candidates",
        f"stand out by {WORDS[round(start_candidates.SEPARATION)]} standard deviations",
        f"off by more than {number(audit.OFFSET_S * 1e6)} µs and "
        f"{number(audit.SIGMAS)} standard deviations",
        f"period is off by more than {number(clock.ALARM_PPM)} ppm",
        f"duration is off by more than {percent(audit._DURATION)}",
    ],
    "binding": [
        f"within {number(binding.ADOPT_WINDOW_S)} s after the first image",
        f"a clock that is {number(clock_offsets.OFFSET_S)} s or more off",
        f"within {number(same_series.HEADER_OVERTAKEN_S)} s of the first image",
        f"If none comes for {number(endings.END_TOLD_S)} s it is aborted",
    ],
    "ledger": [
        f"the last {known_runs.KEPT_SEALED} sealed runs are watched",
    ],
    "durability": [
        f"at most {number(writer.FLUSH_S * 1000)} ms later",
        f"{thousands(snapshots_table.SNAPSHOT_ROWS)} at a time",
        f"is among the last {known_runs.KEPT_SEALED}",
        f"the last {pruning.KEPT_RUNS} runs stay whole",
    ],
    "alarms": [
        f"keeps {number(rates.FALSE_ALARMS)} false alarms a shift",
        f"armed after {baseline.ARMS_AT} classified images",
        f"as if it were {baseline._PRIOR_TRIALS} images",
        f"in batches of {comparing._BATCH_S} s",
        f"Above {number(hit_rate.RESTLESS)}, *lower* is only for information",
        f"An alarm stands for {number(rates.HOLD_S)} s at least",
        "again {:g}, {:g} and {:g} s later".format(*rates.LOOKS_S),
        f"{number(medians.K)} standard deviations are for nothing, the limit is "
        f"{number(medians.H)},",
        f"of the last {medians._KEPT} calm medians",
        f"exceeds {WORDS[round(comparing.SURE)]} standard deviations changed",
        *(
            f"| {level.name} | {number(level.bad)} {of}| {number(level.good)} "
            for level, of in zip(
                hit_rate.HIT_RATE.levels, ("of the usual rate ", "", ""), strict=True
            )
        ),
    ],
    "architecture": [
        f"at most {inbox.LIMIT} and `pool.max_inbox_mb`",
        f"at most {processes.CREDIT} images each",
        f"every {number(writer.FLUSH_S * 1000)} ms",
    ],
    "backpressure": [
        f"{inbox.LIMIT} records, and bytes of pixels",
        f"{timetable.WINDOW} images a run",
        f"| images with one worker | {processes.CREDIT},",
        f"reads {runner.BATCH} records at a time",
        f"the latest {thousands(early_events.KEPT_EVENTS)}, about",
        f"at most {backlog._FILES_WAIT >> 20} MB",
        f"among the last {known_runs.KEPT_SEALED} that were sealed",
    ],
}


@pytest.mark.parametrize(
    ("page", "phrase"),
    [(page, phrase) for page, phrases in NUMBERS.items() for phrase in phrases],
)
def test_numbers_in_the_prose_are_those_of_the_code(page: str, phrase: str):
    assert phrase in explanation(page)


def test_an_hour_and_a_half_are_said_in_words():
    durability = explanation("durability")
    assert (restoring.RESTORED_S, "within the hour" in durability) == (3600, True)
    classification = explanation("classification")
    half = bad_pixels.SHARE, indexer._SURE_SHARE
    assert half == (0.5, 0.5)
    assert "in at least half of the non-hits" in classification
    assert "explains less than half of the spots" in classification


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (4e-4, "4·10⁻⁴"),
        (1e-5, "10⁻⁵"),
        (1.5e6, "1.5·10⁶"),
        (0.45, "0.45"),
        (-8.0, "-8"),
    ],
)
def test_how_numbers_are_said(value: float, said: str):
    assert number(value) == said
