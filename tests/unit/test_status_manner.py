"""In which way the status is published, whatever the broker answers."""

from __future__ import annotations

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from recorder.config import MqttSection
from recorder.runtime.mqtt import Allowed
from recorder.service.status_manner import SURE, StatusManner
from recorder.sources.control.subscriptions import Subscriptions


def manner(protocol: str, *, reached: bool = True) -> StatusManner:
    return StatusManner(MqttSection(protocol=protocol), lambda: reached)


def refusal(code: int) -> aiomqtt.MqttError:
    return aiomqtt.exceptions.MqttConnectError(
        ReasonCode(PacketTypes.CONNACK, identifier=code)
    )


def said(log_events, event: str) -> int:
    return [line["event"] for line in log_events].count(event)


def test_mqtt_5_says_why_and_only_that_is_given_up(log_events):
    way = manner("5")
    way.failed(refusal(0x9A))
    assert (way.way.retain, way.way.qos) == (False, 2)
    assert way.fits(Allowed(retain=False))
    for _ in range(3):
        way.works()
    assert said(log_events, "status_not_retained") == 1
    assert not way.fits(Allowed())  # it keeps them now: connect with them
    assert way.way.retain
    way.works()
    way.failed(refusal(0x9A))
    way.works()
    assert said(log_events, "status_not_retained") == 2  # a change for the worse again


def test_a_quality_of_service_that_is_not_there_is_not_asked_for():
    way = manner("5")
    way.failed(refusal(0x9B))
    assert (way.way.retain, way.way.qos) == (True, 0)


def test_an_outage_is_no_lack_of_retained_messages(log_events):
    way = manner("3.1.1", reached=False)
    for n in range(9):
        assert way.failed(aiomqtt.MqttError("away")) == n + 1
        assert way.way.retain
    assert log_events == []  # the subscriber says it


def test_3_1_1_gives_no_reason_so_it_is_tried_without(log_events):
    way = manner("3.1.1")
    for n in range(SURE):
        assert way.way.retain, n
        way.failed(aiomqtt.MqttError("timed out"))
    assert not way.way.retain
    assert log_events == []  # not before it has been published in that way
    way.works()
    assert said(log_events, "status_not_retained") == 1


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_is_refused_for_another_reason_is_said_once(log_events, protocol):
    way = manner(protocol)
    for _ in range(10):
        way.failed(refusal(0x87))
    assert said(log_events, "status_not_published") == 1
    assert said(log_events, "status_not_retained") == 0


@pytest.mark.allow_error_log("subscription_refused")
def test_a_subscription_is_complained_of_once_and_again_when_it_gets_worse(log_events):
    subscriptions = Subscriptions(MqttSection())
    assert subscriptions.granted({"a": 1, "b": 2}) == ""
    for _ in range(3):
        assert "QoS 0" in subscriptions.granted({"a": 0, "b": 1})
    for _ in range(3):
        assert "refuses b" in subscriptions.granted({"a": 1, "b": None})
    assert subscriptions.granted({"a": 1, "b": 1}) == ""
    subscriptions.granted({"a": 1, "b": None})
    assert said(log_events, "subscription_without_qos") == 1
    assert said(log_events, "subscription_refused") == 2
