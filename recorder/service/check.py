"""Is everything there that the daemon needs? Nothing is written, no image taken."""

from __future__ import annotations

import asyncio
import importlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import aiomqtt

from recorder.config import Settings
from recorder.errors import MissingExtraError, RecorderError
from recorder.ispyb.check import check_ispyb
from recorder.runtime.mqtt import client
from recorder.sources.decoder import DECODER

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """One answer."""

    what: str
    ok: bool
    text: str


DETECTOR_HINT = "is the detector on and its stream interface enabled?"
PANDA_HINT = "is the PandABox on, and is that its data port?"


async def check_all(settings: Settings) -> list[Line]:
    """One line for each thing the daemon needs."""
    lines = [
        _folder("state", settings.state_directory),
        _folder("results", settings.results),
        await _ispyb(settings),
        await _broker(settings),
        Line("decoder", True, DECODER.describe()),
    ]
    for panda in settings.panda:
        endpoint = f"tcp://{panda.host}:{panda.port}"
        what = f"panda {panda.name}"
        lines.append(_no_panda(what) or await _listens(what, endpoint, PANDA_HINT))
    for detector in settings.detector:
        what = f"detector {detector.name}"
        lines.append(await _listens(what, detector.endpoint, DETECTOR_HINT))
    return lines


def _no_panda(what: str) -> Line | None:
    """That the packages for it are missing."""
    try:
        importlib.import_module("recorder.sources.panda")
    except MissingExtraError as error:
        return Line(what, False, str(error))
    return None


def _folder(what: str, path: Path) -> Line:
    """Whether the folder is there, or could be made."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if os.access(place, os.W_OK | os.X_OK):
        return Line(what, True, str(path))
    return Line(what, False, f"{path}: not writable; give it to the recorder's user")


async def _ispyb(settings: Settings) -> Line:
    if not settings.ispyb.enabled:
        return Line("ispyb", True, "off (ispyb.enabled = false)")
    try:
        return Line("ispyb", True, await asyncio.to_thread(check_ispyb, settings))
    except RecorderError as error:
        return Line("ispyb", False, str(error))


async def _broker(settings: Settings) -> Line:
    mqtt = settings.mqtt
    where = f"{mqtt.host}:{mqtt.port} (MQTT {mqtt.protocol})"
    if not mqtt.enabled:
        return Line("broker", True, "off (mqtt.enabled = false)")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async with client(mqtt, f"check-{uuid.uuid4().hex[:8]}"):
                return Line(
                    "broker", True, f"{where}, topics {settings.topic_prefix}/…"
                )
    except (aiomqtt.MqttError, RecorderError, TimeoutError) as error:
        text = str(error) or "no answer"
        hint = "start it, or mend mqtt.host, port, tls, username and password"
        return Line("broker", False, f"{where}: {text}; {hint}")


async def _listens(what: str, endpoint: str, hint: str) -> Line:
    """Whether something listens there; it is not spoken to, which would take images."""
    url = urlparse(endpoint)
    if url.scheme != "tcp" or not url.port:
        return Line(what, True, f"{endpoint}: only tcp endpoints can be looked at")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(url.hostname, url.port)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        text = f"{endpoint}: nothing listens ({error or 'no answer'}); {hint}"
        return Line(what, False, text)
    return Line(what, True, f"{endpoint} listens")
