"""The web process as people and programs meet it: a real one, on a free port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder.journal import Journal
from recorder.records.live import Hint, LiveAlarm, LiveRun, LiveSource, Trials
from tests.busy import in_time
from tests.web import Answer, LiveWriter, Web, write_run

NASTY = "<script>alert(\"x\")</script>\u202e & 'quoted'"


def test_page_and_files_come_with_a_strict_policy(start_web):
    web = start_web()
    page = web.get("/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert web.get("/static/index.html").body == page.body
    for answer in (
        page,
        web.get("/nothing"),
        web.get("/api/v1/now"),
        web.get("/metrics"),
    ):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        assert web.get(path).status == 404


def test_what_the_journal_has_is_served(start_web, journal):
    for n in (1, 2, 3):
        write_run(journal, n, images=n * 3)
    web = start_web()
    listed = web.get("/api/v1/runs").json
    assert [run["run"] for run in listed["runs"]] == [3, 2, 1]
    assert listed["next"] is None
    report = web.get("/api/v1/runs/uid-00003").json
    assert (report["run"], report["classes"]["indexed"]) == (3, 3)
    assert web.get("/api/v1/runs/3").json["uid"] == "uid-00003"
    images = web.get("/api/v1/runs/3/images?class=indexed").json
    assert [image["image_id"] for image in images["images"]] == [2, 5, 8]
    why = web.get("/api/v1/runs/3/images/2").json
    assert why["image"]["outcome"] == "indexed"
    assert web.get("/api/v1/runs/3/images/99").status == 404
    (experiment,) = web.get("/api/v1/experiments").json["experiments"]
    assert experiment["cumulative"]["images"] == 18
    assert (experiment["protein"], experiment["sample"]) == ("kljvz", "laagg")
    chip = web.get("/api/v1/runs/3/chip")
    assert (chip.status, chip.headers["content-type"]) == (
        404,
        "application/problem+json",
    )
    assert {s["sink"] for s in web.get("/api/v1/spool").json} == {"ispyb", "results"}
    assert web.get("/api/v1/alarms").json == {"alarms": []}
    assert web.get("/readyz").json["ready"]


def test_the_api_says_what_the_commands_say(
    start_web, journal, run_recorder, config_file
):
    for n in (1, 2):
        write_run(journal, n)
    web = start_web()
    config = config_file()

    def command(*words: str) -> Any:
        return json.loads(run_recorder(*words, "--json", config=config).stdout)

    (entry,) = command("report")["experiments"]
    for told in entry["runs"]:
        assert web.get(f"/api/v1/runs/{told['uid']}").json == told
    (mine,) = web.get("/api/v1/slow").json["experiments"]
    assert mine["cumulative"] == entry["cumulative"]
    for told, card in zip(entry["runs"][::-1], mine["runs"], strict=True):
        for name in ("run", "uid", "state", "status", "classes", "ledger", "sinks"):
            assert card[name] == told[name]
        assert card["images"] == {**told["images"], "lost_ranges": []}
    assert web.get("/api/v1/runs/2/images/4").json == command("why", "2", "4")
    assert web.get("/api/v1/spool").json == command("spool", "ls")
    status = command("status")
    assert web.get("/api/v1/status").json.keys() == status.keys()


def test_pages_by_cursor_hold_each_run_once(start_web, journal):
    for n in range(1, 12):
        write_run(journal, n, images=1, experiment={"name": f"e{n % 3}"})
    web = start_web()
    for path, key in (("runs", "run"), ("experiments", "experiment")):
        found, before = [], ""
        while True:
            page = web.get(f"/api/v1/{path}?limit=2{before}").json
            found += [item[key] for item in page[path]]
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
            if path == "runs" and len(found) == 4:
                write_run(journal, 12, images=1)  # moves nothing
                web.until("/api/v1/experiments", lambda a: b"fvkhb" in a.body)
        runs, experiments = [*range(11, 0, -1)], ["fvkhb", "e0", "e2", "e1"]
        assert found == (runs if path == "runs" else experiments)
    only = web.get("/api/v1/runs?experiment=e1").json["runs"]
    assert [run["run"] for run in only] == [10, 7, 4, 1]


def test_who_has_it_already_is_told_so(start_web, journal):
    write_run(journal, 1)
    web = start_web()
    first = web.get("/api/v1/runs/1")
    again = web.get("/api/v1/runs/1", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    write_run(journal, 2)
    listed = web.get("/api/v1/runs")
    other = web.get("/api/v1/runs?limit=1", If_None_Match=listed.headers["etag"])
    assert other.status == 200


def test_the_stream_begins_at_once_and_follows_the_daemon(start_web, journal, daemon):
    write_run(journal, 1)
    web = start_web()
    with web.live() as events:
        first = [next(events), next(events)]
        assert [name for name, _ in first] == ["now", "slow"]
        assert first[0][1]["daemon"] == "stale"  # holds the journal, says nothing
        daemon.start()
        sources = (LiveSource("eiger", hz=100.0),)
        daemon.state = replace(daemon.state, sources=sources)
        told = next(
            body
            for name, body in events
            if body.get("daemon") == "ok" and body["live"]["sources"]
        )
        assert told["live"]["sources"][0]["name"] == "eiger"
        assert told["age_s"] < 1
        write_run(journal, 2)
        slow = next(
            body for name, body in events if name == "slow" and body["run"]["run"] == 2
        )
        assert slow["experiments"][0]["cumulative"]["runs"] == 2
        daemon.stop()
        stale = next(body for name, body in events if body.get("daemon") == "stale")
        assert stale["age_s"] >= 1
    assert json.loads(web.get("/api/v1/now").body)["daemon"] == "stale"


def test_a_daemon_that_ended_is_gone(start_web, journal, daemon):
    web = start_web()
    daemon.write(stage="stopped")
    answer = web.until("/api/v1/now", lambda a: a.json["live"] is not None)
    assert answer.json["daemon"] == "gone"


def test_the_state_of_another_journal_is_not_shown(start_web, journal, daemon):
    daemon.state = replace(daemon.state, journal_id="another")
    daemon.start()
    web = start_web()
    now = web.until("/api/v1/now", lambda a: a.json["problem"] is not None).json
    assert now["live"] is None
    assert "another journal" in now["problem"]


def test_a_live_state_that_cannot_be_read_is_said(start_web, journal, daemon):
    (daemon.folder / "live.json").write_bytes(b'{"id": "x"}')
    web = start_web()
    now = web.until("/api/v1/now", lambda a: a.json["problem"] is not None).json
    assert "live.json" in now["problem"] and now["live"] is None
    daemon.write()
    web.until("/api/v1/now", lambda a: a.json["live"] is not None)


def test_names_come_through_as_text_only(start_web, journal, daemon):
    write_run(journal, 1, experiment={"name": NASTY}, sample={"name": "b\u202ec" * 60})
    alarm = LiveAlarm("x", text=NASTY, hints=(Hint(NASTY),))
    daemon.state = replace(daemon.state, alarms=(alarm,), host=NASTY)
    daemon.start()
    web = start_web()
    for path in (
        "/api/v1/slow",
        "/api/v1/runs",
        "/api/v1/runs/1",
        "/api/v1/experiments",
    ):
        answer = web.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert NASTY in _texts(answer)
    answer = web.until("/api/v1/now", lambda a: a.json["live"] is not None)
    assert NASTY in _texts(answer)
    assert b"script" not in web.get("/metrics").body
    missing = web.get("/api/v1/runs/%3Cscript%3Ealert(1)")
    assert missing.headers["content-type"] == "application/problem+json"


def _texts(answer: Answer) -> list[str]:
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        for item in (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, list)
            else ()
        ):
            walk(item)

    walk(answer.json)
    return found


def test_pictures_are_those_of_the_live_folder(start_web, daemon):
    web = start_web()
    assert web.get("/api/v1/preview/hit.png").status == 404
    (daemon.folder / "preview-hit.png").write_bytes(b"\x89PNG")
    (daemon.folder / "preview-hit.json").write_bytes(b'{"image_id": 4}')
    (daemon.folder / "powder.png").write_bytes(b"powder")
    (daemon.folder / "peakogram.json").write_bytes(b'{"counts": []}')
    picture = web.get("/api/v1/preview/hit.png?3551")
    assert (picture.body, picture.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert web.get("/api/v1/preview/hit.json").json == {"image_id": 4}
    assert web.get("/api/v1/preview/powder.png").body == b"powder"
    assert web.get("/api/v1/peakogram").json == {"counts": []}
    for which in ("live", "..%2flive", "powder"):
        assert web.get(f"/api/v1/preview/{which}.json").status == 404


def test_what_people_say_reaches_the_daemon_as_files(start_web, journal, daemon):
    write_run(journal, 1, sealed=False)
    write_run(journal, 2)
    alarm = LiveAlarm("hit_rate/3", "hit_rate")
    lag = (LiveAlarm("sink_lag/1", "sink_lag"),)
    daemon.state = replace(daemon.state, alarms=(alarm, *lag))
    web = start_web()
    daemon.write(stage="stopped")
    web.until("/api/v1/alarms", lambda a: a.json["alarms"])
    refused = web.post("/api/v1/alarms/hit_rate/3/seen", {"by": "ada"})
    assert refused.status == 503  # nobody would hear it
    daemon.state = replace(daemon.state, stage="running")
    daemon.start()
    web.until("/api/v1/now", lambda a: a.json["daemon"] == "ok")
    assert web.post("/api/v1/alarms/hit_rate/4/seen", {"by": "ada"}).status == 404
    assert web.post("/api/v1/alarms/hit_rate/3/seen", {"by": "ada"}).status == 202
    refused = web.post("/api/v1/alarms/hit_rate/3/normal", {"by": "ada"})
    assert refused.status == 409
    assert refused.json["type"].endswith(":not-normal")
    daemon.state = replace(
        daemon.state, alarms=(replace(alarm, can_be_normal=True), *lag)
    )
    daemon.write()
    web.until("/api/v1/alarms", lambda a: a.json["alarms"][0]["can_be_normal"])
    assert web.post("/api/v1/alarms/hit_rate/3/normal", {"by": "ada"}).status == 202
    wanted = [{"delay": 0.003, "indexed": 3000}, {"delay": 0.01, "indexed": 1}]
    answer = web.post("/api/v1/runs/uid-00001/targets", wanted)
    assert (answer.status, answer.json) == (202, {"said": 2})
    over = web.post("/api/v1/runs/uid-00002/targets", wanted)
    assert (over.status, over.json["type"]) == (
        409,
        "urn:ssx-recorder:problem:run-over",
    )
    assert "run 2 is over" in over.json["detail"]
    said = [json.loads(p.read_bytes()) for p in (daemon.folder / "said").iterdir()]
    seen = [one for one in said if one["what"] == "seen"]
    assert [(one["alarm"], one["by"]) for one in seen] == [("hit_rate/3", "ada")]
    targets = sorted(one["delay_s"] for one in said if one["what"] == "target")
    assert targets == [0.003, 0.01]
    assert all(one["run"] == "uid-00001" for one in said if one["what"] == "target")
    normal = [one["alarm"] for one in said if one["what"] == "normal"]
    assert normal == ["hit_rate/3"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ([{"delay": 0.1, "indexed": 5}], {"Origin": "http://evil.example"}, 403),
        ([{"delay": 0.1, "indexed": 5}], {"Origin": ""}, 403),
        ([{"delay": 0.1, "indexed": 5}], {"Content_Type": "text/plain"}, 415),
        ([{"delay": 0.1, "indexed": 5}], {"X_Forwarded_For": "192.0.2.1"}, 403),
        ([{"delay": 0.1, "indexed": 5}], {"Host": "evil.example"}, 421),
        ([{"delay": "0.1", "indexed": 5}], {}, 422),
        ([{"delay": 1e999, "indexed": 5}], {}, 422),
        ([{"delay": 0.1, "indexed": 0}], {}, 422),
        ([{"delay": -0.1, "indexed": 5}], {}, 422),
        ([], {}, 422),
        (b"{", {}, 422),
        (b"[" * 50_000, {}, 422),
        (b" " * 70_000, {}, 413),
    ],
)
def test_what_may_not_be_said(web_with_daemon, body, headers, status):
    web, folder = web_with_daemon
    answer = web.post("/api/v1/runs/uid-00001/targets", body, **headers)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["detail"]
    assert not (folder / "said").exists()


@pytest.fixture(scope="module")
def web_with_daemon(tmp_path_factory) -> Iterator[tuple[Web, Path]]:
    """One for many tests that change nothing."""
    state = tmp_path_factory.mktemp("web")
    journal = Journal(state / "journal.sqlite", owner=True)
    write_run(journal, 1)
    writer = LiveWriter(state)
    writer.start()
    web = Web(None, "--journal", str(state))
    web.until("/api/v1/now", lambda answer: answer.json["daemon"] == "ok")
    yield web, writer.folder
    web.terminate()
    writer.stop()
    journal.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8642", 200),
        ("[::1]:8642", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("localhost:80:80", 421),
    ],
)
def test_only_our_own_names_are_answered(web_with_daemon, host, status):
    """A page of another site may have a name that leads to 127.0.0.1."""
    web, _ = web_with_daemon
    assert web.get("/api/v1/now", Host=host).status == status


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=-1", "limit=x", "limit=201", "limit=", "limit=1e2"),
        *("before=x", "limit=%D9%A1", "before=9999999999999999999999"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(web_with_daemon, query):
    web, _ = web_with_daemon
    answer = web.get(f"/api/v1/runs?{query}")
    assert answer.status == 400
    assert query.partition("=")[0] in answer.json["detail"]


def test_metrics_tell_of_the_daemon_and_the_journal(start_web, journal, daemon):
    write_run(journal, 1, images=9)
    run = LiveRun(2, "uid-2", newest_age_s=0.05, windows={"run": Trials(9)})
    sources = (LiveSource("eiger", age_ms=50.0, hz=100.0),)
    daemon.state = replace(daemon.state, run=run, sources=sources)
    daemon.start()
    web = start_web()
    answer = web.until("/metrics", lambda a: b"recorder_data_age" in a.body)
    text = answer.body.decode()
    assert 'recorder_images_total{class="indexed"} 3.0' in text
    assert 'recorder_source_rate_hertz{source="eiger"} 100.0' in text
    assert 'recorder_daemon{state="ok"} 1.0' in text
    assert "uid-" not in text and "mx2345" not in text
    web.until(
        "/metrics", lambda a: b'latency_seconds_bucket{le="10.0"} 0.0' not in a.body
    )


def test_it_ends_within_a_second_with_streams_open(start_web, daemon):
    daemon.start()
    web = start_web()
    links = [web.connect() for _ in range(5)]
    for link in links:  # none of them reads
        link.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert links[0].recv(10)
    with in_time(1.5):  # without the cut it would be for ever
        assert web.terminate() == 0
    assert any(event["event"] == "web_stopped" for event in web.log)
    for link in links:
        link.close()


def test_a_port_that_is_taken_and_an_address_for_all_are_refused(
    start_web, run_recorder, config_file
):
    web = start_web()
    config = config_file()
    taken = run_recorder("web", "--port", str(web.port), config=config)
    assert taken.returncode == 2
    assert f"port {web.port}" in taken.stderr
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        done = run_recorder("web", "--host", host, config=config)
        assert done.returncode == 2
        assert "sign-in" in done.stderr
    odd = run_recorder("web", "--host", "http://x", config=config)
    assert odd.returncode == 2 and "Traceback" not in odd.stderr


def test_who_insists_may_listen_to_all(start_web):
    web = start_web(
        "--host",
        "0.0.0.0",
        web={"insecure_no_sign_in": True, "allowed_hosts": ["page.example"]},
    )
    assert web.get("/healthz").status == 200
    assert web.get("/healthz", Host="page.example").status == 200
    assert web.get("/healthz", Host="evil.example").status == 421
