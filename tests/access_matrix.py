"""What each address answers to whom: the same for each kind of site."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from recorder.records.access import Scope
from recorder.records.live import (
    Hint,
    LiveAlarm,
    LiveRun,
    LiveSink,
    LiveSource,
    PreviewImage,
    Trials,
)
from recorder.records.live_open_runs import OpenRun
from recorder.records.pictures import digest_of
from recorder.web.callers import Caller
from tests.asking import Asked
from tests.web import Answer, LiveWriter

BEAMLINE = "ID29"
PICTURE = b"\x89PNG of "


def announced_by(proposal: str, **more: Any) -> dict[str, Any]:
    """Of a run whose every name tells whose it is."""
    return {
        "proposal": proposal,
        "experiment": {"name": f"experiment-{proposal}"},
        "sample": {
            "name": f"sample-{proposal}",
            "protein": {"acronym": f"p{proposal}"},
        },
        **more,
    }


def write_live(writer: LiveWriter, proposal: str, uid: str, run: int = 2) -> None:
    """A run goes on, with alarms, sinks and pictures of it."""
    going = LiveRun(
        run,
        uid,
        experiment=f"experiment-{proposal}",
        proposal=proposal,
        announced=True,
        received=313_373,
        windows={"run": Trials(313_373), "all": Trials(413_373)},
    )
    writer.write(
        beamline=BEAMLINE,
        host=f"host-{proposal}",
        run=going,
        open_runs=(
            OpenRun(
                run,
                uid,
                experiment=f"experiment-{proposal}",
                proposal=proposal,
                source=f"source-{proposal}",
                received=313_373,
            ),
        ),
        sources=(
            LiveSource("eiger", "detector", "ok", 12.5, 1337.71, 271_828, 828_459),
        ),
        sinks=(LiveSink("ispyb", "failing", 31.0, 337_733, 733_773, f"of {proposal}"),),
        alarms=(
            LiveAlarm(
                f"hit_rate/{proposal}",
                "hit_rate",
                text=f"fell in {proposal}",
                run=run,
                uid=uid,
                hints=(Hint(f"hint-{proposal}"),),
                can_be_normal=True,
                seen_by=f"person-{proposal}",
            ),
            LiveAlarm(f"parked/{proposal}", "parked", text="refused 733773", uid=uid),
            LiveAlarm("disk/1", "disk", text=f"full of {proposal}"),
        ),
        previews=(PreviewImage("hit", run, uid, 313_373, 313_373),),
    )
    picture = PICTURE + proposal.encode()
    about = {"run": run, "uid": uid, "serial": 313_373, "digest": digest_of(picture)}
    for name in ("preview-hit", "powder"):
        (writer.folder / f"{name}.png").write_bytes(picture)
        (writer.folder / f"{name}.json").write_text(json.dumps(about))
    (writer.folder / "peakogram.json").write_text(json.dumps(about))


def uid_of(proposal: str) -> str:
    return f"uid-of-{proposal or 'nobody'}"


@dataclass(frozen=True)
class Who:
    """Somebody, and whether they see the run that the addresses are of."""

    caller: Caller | str | None
    """Behind the door; or the secret of a session, for the door; None: nobody."""
    sees: frozenset[str] = frozenset()
    """Proposals of runs; empty: of one that nobody announced."""
    blind: bool = False
    """None of their rights shows any run."""


def expected(path: str, method: str, who: Who, scope: Scope, of: str) -> Any:
    """Status, and the end of the problem's type."""
    if who.caller is None:
        return 401, "sign-in"
    if isinstance(who.caller, Caller):
        if scope not in who.caller.scopes:
            return 403, "scope"
        if path.startswith("/account/"):
            return 403, "no-session"  # nobody signs in here
    elif path.startswith("/account/") and method == "POST":
        return (201, None) if path.endswith("tokens") else (404, "no-key")
    mine = of in who.sees
    if path == "/api/v1/live" and who.blind:
        return 403, "no-rights"
    if "{alarm" in path and not mine:
        return 404, "no-alarm"
    if "{uid}" in path and not mine:
        return 404, "not-found"
    if ("/preview/" in path or path.endswith("peakogram")) and not mine:
        return 404, "no-picture"
    if path.endswith("/chip"):
        return 404, "no-scan"  # the test's runs have none, and whoever sees one knows
    return (202 if method == "POST" else 200), None


def filled(path: str, of: str, uid: str | None = None) -> str:
    """An address of a run: of a proposal, or of the one that is named."""
    return (
        path.replace("{alarm:path}", f"hit_rate/{of}")
        .replace("{uid}", uid or uid_of(of))
        .replace("{image_id}", "1")
        .replace("{which}", "hit")
    )


BODIES = {
    "seen": {},
    "normal": {},
    "targets": [{"delay": 0.003, "indexed": 5}],
    "tokens": {"label": "x", "scopes": ["read:runs"]},
    "revoke": {"key": "x"},
}


async def ask(asked: Asked, method: str, path: str, who: Who) -> Answer:
    if method == "GET":
        return await asked.get(path, who.caller)
    await asked.until(lambda feed: feed.now_state.daemon == "ok")
    return await asked.post(path, who.caller, BODIES[path.rpartition("/")[2]])


def problem_of(answer: Answer) -> str | None:
    if answer.headers.get("content-type") != "application/problem+json":
        return None
    return str(answer.json["type"]).rpartition(":")[2]
