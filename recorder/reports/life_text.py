"""What is known of a daemon, for people."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.foreign_text import plain
from recorder.records import Json
from recorder.reports.life import Alive, Life

_SHOWN = 5
"""Open runs and refusals that are named; `recorder spool ls` has all. Chosen, not
tuned."""


def life_text(life: Life) -> str:
    """A few lines: alive, which run, what is wrong."""
    return "\n".join(map(plain, _lines(life)))


def _lines(life: Life) -> Iterator[str]:
    sign = life.sign
    stage = sign.get("stage")
    word = stage if life.alive is Alive.RUNNING and stage == "stopping" else life.alive
    yield f"daemon     {word}: {life.why}"
    if sign:
        yield (
            f"           version {sign.get('version')}, beamline "
            f"{sign.get('beamline')}, last sign of life {_ago(life.age_s, sign)}"
        )
    if life.alive is Alive.RUNNING:
        yield f"run        {_run(sign)}"
    for run in life.open_runs[:_SHOWN] if life.alive is not Alive.RUNNING else ():
        yield (
            f"open       run {run.run} of {run.experiment} ({run.uid}): it goes on "
            "when the daemon starts"
        )
    for sink, count in life.waiting.items():
        yield f"sink       {_sink(life, sink, count)}"
    if life.alive is Alive.RUNNING:
        broker = sign.get("broker") or {}
        error = f": {broker['error']}" if broker.get("error") else ""
        yield f"broker     {broker.get('state', '?')}{error}"
        yield from map(_source, sign.get("sources") or ())
        yield from map(_node, sign.get("nodes") or ())
    if (error_line := sign.get("last_error")) is not None:
        yield f"last error {_error(error_line)}"
    problems = life.problems
    for text in problems[:_SHOWN]:
        yield f"PROBLEM    {text}"
    if len(problems) > _SHOWN:
        yield f"PROBLEM    and {len(problems) - _SHOWN} more: see --json"
    if life.alive is Alive.RUNNING and not problems:
        yield "           nothing is wrong"


def _ago(age: float | None, sign: Json) -> str:
    if age is None:
        return f"{sign.get('time')}, before the host booted"
    return f"{age:.0f} s ago" if age < 120 else str(sign.get("time"))


def _run(sign: Json) -> str:
    run = sign.get("run")
    rate = f"{sign.get('images_per_s', 0)} images/s"
    last = sign.get("last_image_s")
    since = "" if last is None else f", last image {last:.0f} s ago"
    if not run:
        return f"none; {rate}{since}"
    declared = "?" if run.get("declared") is None else run["declared"]
    return (
        f"{run.get('run')} of {run.get('experiment')} ({run.get('uid')}): "
        f"{sign.get('state')}, {run.get('received')} of {declared} images, "
        f"{rate}{since}"
    )


def _sink(life: Life, sink: str, count: int) -> str:
    refused = sum(item.records for item in life.refused if item.sink == sink)
    text = f"{sink}: {count} records to write, {refused} parked"
    if life.alive is not Alive.RUNNING:
        return text + (" (no daemon writes them)" if count else "")
    state = (life.sign.get("sinks") or {}).get(sink, "not configured when it started")
    return text if state == "ok" else f"{text} ({state})"


def _source(found: Json) -> str:
    age, runs = found.get("last_message_s"), found.get("runs")
    last = "no message yet" if age is None else f"last message {age:.0f} s ago"
    text = f"source     {found.get('name')}: {found.get('state')}, {last}"
    if runs:
        text += f", run {', '.join(map(str, runs))}"
    return f"{text} ({found['endpoint']})" if found.get("endpoint") else text


def _node(found: Json) -> str:
    text = f"node       {found.get('name')}: {found.get('state')}"
    if found.get("silent_s") is None:
        return text
    return (
        f"{text}, {found.get('ready')} of {found.get('workers')} workers, "
        f"{found.get('held')} images held, {found.get('finished')} done"
    )


def _error(found: Json) -> str:
    run = f", run {found['run']}" if "run" in found else ""
    error = f": {found['error']}" if "error" in found else ""
    return f"{found.get('timestamp')}  {found.get('event')}{run}{error}"
