"""Moments as `recorder top` shows them, made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from recorder.records import RunState, RunStatus
from recorder.records.alarms import AlarmEvidence, AlarmHint, RunAlarm
from recorder.records.cards import RunCard
from recorder.records.image_report import (
    CellHistogram,
    ClassCounts,
    DelayCounts,
    ImageCounts,
    LineReport,
    PumpCounts,
    Rates,
    Resolutions,
    TargetReport,
    UnitCells,
)
from recorder.records.live import (
    Hint,
    LastImages,
    Line,
    LiveAlarm,
    LiveDelay,
    LiveJournal,
    LivePool,
    LivePump,
    LiveRun,
    LiveSink,
    LiveSource,
    LiveState,
    Trials,
)
from recorder.records.live_node import LiveNode
from recorder.records.run_report import LedgerReport, RunReport
from recorder.records.scan_report import (
    BlockCounts,
    PatternHint,
    PatternKind,
    ScanReport,
    ShotCounts,
    WellCounts,
)
from recorder.records.timeline_report import (
    AuditVerdict,
    ChainReport,
    CommandedEvent,
    EventAudit,
    SeenEvent,
)
from recorder.reports.cards import experiment_cards
from recorder.terminal.moment import Moment
from recorder.web.shapes import Now, Slow

NOON_NS = 1_700_000_000_000_000_000
CELL = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)


def trials(images: int, hits: int, indexed: int) -> Trials:
    return Trials(images, images, hits, hits, indexed, indexed // 10, 3)


def live_run(text: str = "lysozyme") -> LiveRun:
    return LiveRun(
        run=3,
        uid="uid-3",
        experiment=text,
        proposal="mx2345",
        expected=10_000,
        received=3560,
        lost=2,
        missed=1,
        eta_s=64.4,
        windows={
            "10s": trials(1000, 91, 64),
            "60s": trials(3000, 600, 420),
            "run": trials(3560, 712, 498),
            "all": trials(123_560, 24_712, 17_298),
        },
        pump=LivePump(
            light=trials(1780, 371, 260),
            dark=trials(1700, 322, 230),
            unknown=trials(80, 19, 8),
            settled_to=3328,
            declared=True,
            due=1800,
            misfires=4,
        ),
        delays=(
            LiveDelay(0.003, 900, 190, 1880, 3000, 240.0),
            LiveDelay(0.01, 880, 181, 940, 3000, 660.0),
            LiveDelay(0.1, 880, 181, 40),
        ),
        line=Line(
            NOON_NS,
            2.0,
            tuple(200 if n % 37 else 0 for n in range(300)),
            tuple((n * 7) % 60 if n % 37 else 0 for n in range(300)),
            tuple(n % 20 if n % 37 else 0 for n in range(300)),
        ),
        last=LastImages(cell=CELL, resolution=1.91, background=2.2),
    )


def live_state(text: str = "lysozyme") -> LiveState:
    return LiveState(
        id=8123,
        beamline="ID29",
        stage="running",
        state="open",
        sources=(
            LiveSource("detector", "detector", "ok", 98.0, 100.0, 2, 1),
            LiveSource("panda-1", "panda", "ok", 20.0, 200.0, clock_ppm=3.2),
            LiveSource("broker", "broker", "away", None, problem=text),
        ),
        pool=LivePool(
            4,
            120,
            12,
            100,
            3400,
            1,
            (
                LiveNode("host-b", "b", "ok", 8, 7, 21, 900, 0.2),
                LiveNode("host-c", "c", "away", 8),
            ),
        ),
        journal=LiveJournal("ok", 0, 10**12, 7200.0),
        sinks=(LiveSink("ispyb", "ok", 0.4, 2, 1), LiveSink("results", "ok")),
        run=live_run(text),
        alarms=(
            LiveAlarm("a", text="an amber one", raised_ns=NOON_NS),
            LiveAlarm(
                "b",
                severity="red",
                text=f"Hit rate fell from 20 % to about 9 % {text}",
                raised_ns=NOON_NS,
                hints=(Hint(f"Perhaps the jet moved {text}"),),
            ),
            LiveAlarm("c", text="cleared", raised_ns=1, cleared_ns=2),
        ),
    )


def alarms(text: str = "lysozyme") -> tuple[RunAlarm, ...]:
    """One that stands, with a hint; one that is over and was seen."""
    return (
        RunAlarm(
            "hit_rate/1/beef",
            "hit_rate",
            "gone",
            "red",
            text="Hit rate fell from 20 % to about 9 % since image 3012 (5.2 s).",
            since_image=3012,
            since="2023-11-14T22:13:41.120000+00:00",
            raised_image=3534,
            raised="2023-11-14T22:13:46.340000+00:00",
            evidence=(AlarmEvidence("hit rate", 0.2031, 0.0912, -7.4),),
            hints=(
                AlarmHint(
                    "jet",
                    f"Perhaps the jet moved or clogged, or the beam is off {text}.",
                    (
                        AlarmEvidence("solvent", 41.2, 24.3, -12.1),
                        AlarmEvidence("background", 7.01, None, None),
                    ),
                ),
            ),
        ),
        RunAlarm(
            "sink_lag/1/beef",
            "sink_lag",
            subject=text,
            text=f"Sink {text} is 61 s behind.",
            since="2023-11-14T22:13:48+00:00",
            raised="2023-11-14T22:13:48+00:00",
            cleared="2023-11-14T22:14:18.500000+00:00",
            cleared_because="It follows again.",
            seen_by=text,
        ),
    )


def scan(text: str = "lysozyme") -> ScanReport:
    """A chip of 2 x 4 blocks, two shots a well; one block was not seen."""
    return ScanReport(
        rows=20,
        columns=25,
        blocks=(2, 4),
        shots_per_position=2,
        placed_by="trigger",
        placed=6960,
        unplaced=31,
        beyond=9,
        wells=WellCounts(3990, 10, 803, 401, 2251, 20, 14, 1, 500),
        by_block=(
            *(BlockCounts(n, 990, 10 * n, 7 * n + 3, 900 - n, 8) for n in range(7)),
            BlockCounts(7),
        ),
        by_shot=(
            ShotCounts(0, 3500, 611, 303, 2555, 31, 1.874),
            ShotCounts(1, 3460, 409, 207, 2811, 33, None),
        ),
        hints=(
            PatternHint(
                PatternKind.EDGE,
                "first column",
                -9.3,
                0.04,
                0.31,
                f"the first column has fewer hits: the chip is not aligned {text}",
            ),
        ),
    )


def report(number: int = 3, text: str = "lysozyme") -> RunReport:
    return RunReport(
        run=number,
        uid=f"uid-{number}",
        data_collection_id=120 + number,
        data_collection_group_id=2,
        experiment=text,
        state=RunState.SEALED,
        status=RunStatus.SUCCESS,
        announced=True,
        start_time=f"2023-11-14T22:1{number}:30+00:00",
        end_time=f"2023-11-14T22:1{number}:50+00:00",
        images=ImageCounts(
            10_000, 10_000, 9998, 2, 1, 9990, {"overload": 8}, lost_ranges=((7, 8),)
        ),
        classes=ClassCounts(1401, 602, 7987, 1555),
        rates=Rates(0.2005, (0.19277, 0.208468), 0.699451, 0.14024),
        pump=PumpCounts(5000, 4990, 8),
        delays=(DelayCounts(text, 0, 0.003, 5000, 1010, 711),),
        event_chains=(
            ChainReport(
                text,
                commanded=(CommandedEvent(name=text, offset=0.001, repetition=5000),),
                measured=(SeenEvent(name=text, offset=0.00101, seen=4997, declared=0),),
                audit=(
                    EventAudit(
                        f"laser {text}",
                        verdict=AuditVerdict.DIFFERS,
                        findings=("fired 4997 times of 5000",),
                        seen=4997,
                        commanded=5000,
                    ),
                ),
            ),
        ),
        unit_cell=UnitCells(
            CELL,
            1401,
            tuple(
                CellHistogram(name, value * 0.97, value * 1.03, (1, 5, 700, 12, 3))
                for name, value in zip(
                    ("a", "b", "c", "alpha", "beta", "gamma"), CELL, strict=True
                )
            ),
        ),
        resolution=Resolutions(1.93, (0.8, 1.0, 2.0, 5.0), (4, 1200, 197)),
        targets=(TargetReport(0.003, 3000),),
        alarms=alarms(text),
        scan=scan(text),
        line=LineReport(
            100,
            tuple(100 if n % 31 else 0 for n in range(100)),
            tuple(10 + n % 21 if n % 31 else 0 for n in range(100)),
            tuple(8 + n % 11 if n % 31 else 0 for n in range(100)),
        ),
        ledger=LedgerReport(True),
        notes=(text,),
        sinks={"ispyb": "written", "results": "written"},
    )


def card(number: int, text: str = "lysozyme") -> RunCard:
    known = report(number, text)
    return RunCard(
        run=number,
        uid=known.uid,
        opened=number,
        experiment=text,
        proposal="mx2345",
        protein=text,
        sample=text,
        support="SSX-Chip, fixed",
        state=known.state,
        status=known.status,
        announced=True,
        start_time=known.start_time,
        end_time=known.end_time,
        images=replace(known.images, lost_ranges=()),
        classes=known.classes,
        ledger=known.ledger,
        chains=1,
        data_collection_id=known.data_collection_id,
        data_collection_group_id=2,
        sinks=known.sinks,
    )


def moment(text: str = "lysozyme", **now: object) -> Moment:
    """A run that goes on, the third of its experiment."""
    cards = [card(n, text) for n in (3, 2, 1)]
    found = {"daemon": "ok", "age_s": 0.1, "live": live_state(text), **now}
    return Moment(
        Now(**found),  # type: ignore[arg-type]
        Slow(1, True, experiment_cards(cards), report(3, text), "1", "ID29"),
        datetime(2026, 11, 28, 3, 0, tzinfo=UTC),
    )
