"""What is told once over MQTT: the centre of a grid, when its run is sealed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import aiomqtt
import pytest

from recorder.config import MqttSection
from recorder.records.mx_plan import Part
from recorder.runtime.mqtt import Client
from recorder.service.mqtt_status import StatusPublisher
from recorder.service.outbox import MOST, TRIES, Outbox
from recorder.service.sealed_run import TOPIC, grid_centre
from tests import technique_reports as reports
from tests.builders import collection, new_run

PREFIX = "recorder/BL"


class Broker:
    """Takes messages, or none."""

    def __init__(self) -> None:
        self.has: list[tuple[str, str]] = []
        self.away = False

    async def publish(self, topic: str, text: str) -> None:
        if self.away:
            raise aiomqtt.MqttError("away")
        self.has.append((topic, text))


def said(log_events) -> list[str]:
    return [e["uid"] for e in log_events if e["event"] == "message_not_published"]


async def test_each_message_is_told_once_and_in_order(log_events):
    changed, broker = asyncio.Event(), Broker()
    outbox = Outbox(changed)
    for n in range(3):
        outbox.add("t", {"uid": str(n)})
    assert changed.is_set()
    broker.away = True
    with pytest.raises(aiomqtt.MqttError):
        await outbox.publish(broker.publish)
    assert len(outbox) == 3
    broker.away = False
    await outbox.publish(broker.publish)
    await outbox.publish(broker.publish)
    assert [json.loads(text)["uid"] for _, text in broker.has] == ["0", "1", "2"]
    assert said(log_events) == []


async def test_what_the_broker_never_takes_is_given_up_and_named(log_events):
    outbox, broker = Outbox(), Broker()
    broker.away = True
    outbox.add("t", {"uid": "a"})
    for _ in range(TRIES):
        with pytest.raises(aiomqtt.MqttError):
            await outbox.publish(broker.publish)
    assert (len(outbox), said(log_events)) == (0, ["a"])
    for n in range(MOST + 2):
        outbox.add("t", {"uid": str(n)})
    assert (len(outbox), said(log_events)) == (MOST, ["a", "0", "1"])


def a_grid():
    told = collection("u.1", technique="mx-grid")
    told = replace(told, part=Part("u", 1, 2, 0, 600))
    return new_run("u.1", number=3, announcement=told)


def test_the_centre_names_its_run_and_what_speaks_against_it():
    body = grid_centre(a_grid(), reports.grid())
    assert body is not None
    (one,) = body["crystals"]
    assert (one["centre"], one["sigma"]) == ((18.5, 8.5), (0.21, 0.34))
    assert (body["uid"], body["collection"], body["part"]) == ("u.1", "u", 1)
    assert (body["run"], body["angle"], body["placed_by"]) == (3, 184.32, "times")
    assert body["shifts"] == [{"image_id": 331, "cells": 1}]
    found = grid_centre(a_grid(), reports.line_scan())
    assert found is not None
    assert found["crystals"] == [], "whoever waits for it waits no longer"
    assert grid_centre(a_grid(), reports.rotation()) is None


async def test_a_broker_gets_it_and_keeps_none_for_those_who_come_later(mosquitto):
    settings = MqttSection(host="127.0.0.1", port=mosquitto.port)
    changed, there = asyncio.Event(), asyncio.Event()
    outbox = Outbox(changed)
    publisher = StatusPublisher(
        settings, PREFIX, "p", lambda: {"state": "idle"}, changed, there.is_set, outbox
    )
    body = grid_centre(a_grid(), reports.grid())
    async with asyncio.timeout(30), Client(settings, "reader") as reader:
        await reader.subscribe(f"{PREFIX}/#", qos=1)
        task = asyncio.create_task(publisher.run())
        outbox.add(TOPIC, body)
        async for message in reader.messages:
            if str(message.topic) == f"{PREFIX}/{TOPIC}":
                break
        assert json.loads(message.payload) == json.loads(json.dumps(body))
        assert (message.retain, message.qos) == (False, 1)
        async with Client(settings, "late") as late:
            await late.subscribe(f"{PREFIX}/#", qos=1)
            first = await anext(aiter(late.messages))
            assert str(first.topic) == f"{PREFIX}/status", "retained; the centre is not"
        task.cancel()
        await asyncio.wait([task])
