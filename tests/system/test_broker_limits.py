"""What brokers allow and drop: found by ``recorder check``, said by the daemon."""

from __future__ import annotations

import gc
import json
import warnings
from pathlib import Path

import aiomqtt
import pytest

from recorder.config import Settings
from recorder.records import CheckLine
from recorder.service.check_broker import broker_lines
from recorder.simulate.stream.broker import demo_broker
from tests.builders import announcement
from tests.system.beamline import make_beamline
from tests.system.test_status import status, wait_status

DYNSEC = Path("/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so")
PROTOCOLS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])
ALL_KEPT = ("max_queued_messages 0",)


async def lines(section: dict) -> dict[str, CheckLine]:
    """The lines of check, by what they are about."""
    found = await broker_lines(Settings(mqtt=section))
    assert len({line.what for line in found}) == len(found)
    return {line.what: line for line in found}


@PROTOCOLS
async def test_a_default_mosquitto_drops_what_its_queue_does_not_hold(
    make_mosquitto, protocol
):
    broker = make_mosquitto(persistent=False)
    found = await lines(broker.section(protocol=protocol))
    assert all(line.ok for line in found.values())
    assert found["broker retain"].word == "ok"
    burst = found["broker burst"]
    if protocol == "5":
        assert (burst.word, "1100 messages and more" in burst.text) == ("ok", True)
        drops = found["broker queue"]
    else:
        assert "it sends 20 messages ahead" in burst.text
        assert 'mqtt.protocol = "5"' in found["broker version"].text
        drops = burst
    assert drops.word == "warn"
    assert "queues 1000" in drops.text
    assert "DROPS" in drops.text
    assert "`max_queued_messages 0`" in drops.text


@PROTOCOLS
@pytest.mark.parametrize("queued", [30, 300])
async def test_a_queue_of_any_length_is_measured(make_mosquitto, protocol, queued):
    options = (f"max_queued_messages {queued}",)
    broker = make_mosquitto(persistent=False, lines=options)
    found = await lines(broker.section(protocol=protocol))
    drops = found["broker queue" if protocol == "5" else "broker burst"]
    assert (drops.word, f"queues {queued} " in drops.text) == ("warn", True), drops.text


@PROTOCOLS
async def test_a_broker_that_keeps_all_is_told_so(make_mosquitto, protocol):
    broker = make_mosquitto(persistent=False, lines=ALL_KEPT)
    found = await lines(broker.section(protocol=protocol))
    word = {what: line.word for what, line in found.items()}
    version = word.pop("broker version", None)
    assert version == (None if protocol == "5" else "warn")
    assert set(word.values()) == {"ok"}
    kept = found["broker queue" if protocol == "5" else "broker burst"]
    assert "1080 " in kept.text


@PROTOCOLS
async def test_what_the_broker_does_not_allow_is_named_with_the_cure(
    make_mosquitto, protocol
):
    without = make_mosquitto(persistent=False, lines=("retain_available false",))
    found = await lines(without.section(protocol=protocol))
    assert found["broker retain"].word == "warn"
    assert "`retain_available true`" in found["broker retain"].text

    low = make_mosquitto(lines=("max_qos 0", "max_packet_size 2000"))
    found = await lines(low.section(protocol=protocol))
    for what, cure in (("topics", "QoS 1"), ("QoS", "max_qos"), ("size", "2000 bytes")):
        line = found[f"broker {what}"]
        assert (line.word, cure in line.text) == ("warn", True), line


@PROTOCOLS
async def test_what_cannot_be_known_is_called_unknown(
    make_mosquitto, tmp_path, protocol
):
    """Rights that keep our probe from coming back: no number is made up."""
    acl = tmp_path / "acl"
    acl.write_text("topic write recorder/demo/#\n")  # nothing may be read
    acl.chmod(0o644)
    broker = make_mosquitto(persistent=False, lines=(f"acl_file {acl}",))
    found = await lines(broker.section(protocol=protocol))
    assert "broker queue" not in found
    burst = found["broker burst"]
    assert (burst.word, "cannot be told" in burst.text) == ("warn", True)
    assert "`max_queued_messages 0`" in burst.text


async def test_a_broker_without_mqtt_5_is_asked_by_what_it_does(tmp_path):
    async with demo_broker(tmp_path, "amqtt") as broker:
        found = await lines({"port": broker.port, "protocol": "3.1.1"})
    # amqtt does not close a connection whose first message it refused; found here, the
    # one that it leaves is not held against whichever test runs when it is collected
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert all(line.ok for line in found.values())
    assert "does not speak MQTT 5" in found["broker version"].text
    assert found["broker retain"].word == "ok"
    assert "broker size" not in found


async def test_check_leaves_nothing_behind(make_mosquitto):
    broker = make_mosquitto(persistent=False)
    await lines(broker.section(protocol="3.1.1"))
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("recorder/#", qos=1)
        await client.subscribe("$SYS/broker/clients/total", qos=1)
        await client.publish("recorder/demo/mine", "x", qos=1)
        async for message in client.messages:
            if not str(message.topic).startswith("$SYS"):
                assert str(message.topic) == "recorder/demo/mine"  # nothing retained
                break


@PROTOCOLS
def test_a_daemon_says_once_that_its_status_is_not_retained_and_goes_on(
    config_file, make_mosquitto, recorder_daemon, protocol
):
    broker = make_mosquitto(persistent=False, lines=("retain_available false",))
    beamline = make_beamline(config_file, broker, mqtt={"protocol": protocol})
    daemon = recorder_daemon(beamline.config)
    said = daemon.wait_for_event("status_not_retained")
    assert (said["level"], said["port"]) == ("warning", broker.port)
    assert "retain_available true" in said["hint"]
    assert beamline.status()["state"] == "idle"  # published all the same
    beamline.publish("collection/start", announcement("heard", images=3))
    daemon.wait_for_event("run_started", uid="heard")
    assert beamline.status(lambda s: s["state"] == "announced")
    assert daemon.terminate() == 0
    events = [line["event"] for line in daemon.log]
    assert events.count("status_not_retained") == 1
    assert "status_not_published" not in events


@PROTOCOLS
@pytest.mark.allow_error_log("subscription_refused")
def test_a_subscription_that_is_refused_is_said_and_a_problem(
    config_file, make_mosquitto, recorder_daemon, run_recorder, tmp_path, protocol
):
    rules = tmp_path / "dynsec.json"
    access = {"publishClientSend": True, "publishClientReceive": True}
    default = {**access, "subscribe": False, "unsubscribe": True}
    rules.write_text(json.dumps({"defaultACLAccess": default}))
    lines = (f"plugin {DYNSEC}", f"plugin_opt_config_file {rules}")
    broker = make_mosquitto(persistent=False, lines=lines)
    beamline = make_beamline(config_file, broker, mqtt={"protocol": protocol})
    daemon = recorder_daemon(beamline.config)
    said = daemon.wait_for_event("subscription_refused")
    assert said["topics"] == [
        *("collection/start", "collection/end", "event", "scan/points", "spectrum")
    ]
    code, found = wait_status(run_recorder, beamline.config, lambda s: s["problems"])
    assert code == 1
    assert "it refuses collection/start" in found["problems"][0]
    assert status(run_recorder, beamline.config)[0] == 1
    check = run_recorder("check", config=beamline.config)
    assert check.returncode == 1
    assert "FAIL  broker topics" in check.stdout
