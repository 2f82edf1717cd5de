"""Is everything there that the daemon needs? Nothing is left behind, no image taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from recorder.authenticators.protocols import authenticator_plugin
from recorder.config import Settings, SinkSection, SourceSection
from recorder.config.section import AuthenticatorSection, PortalSection
from recorder.errors import ConfigError
from recorder.ispyb.people.check import check_people
from recorder.portal.check import check_account
from recorder.portal.protocols import portal_plugin
from recorder.records import CheckLine
from recorder.runtime.boundary import boundary
from recorder.runtime.looking import writable
from recorder.service.check_broker import broker_lines
from recorder.service.check_cluster import cluster_lines
from recorder.service.cluster import engine_lines
from recorder.service.installed import installed_lines
from recorder.sinks.protocols import sink_plugin
from recorder.sources.decoder import DECODER
from recorder.sources.protocols import source_plugin

PLUGIN_S = 30.0
"""For the check of one plug-in: longer than a database that does not answer takes."""


async def check_all(settings: Settings) -> list[CheckLine]:
    """One line for each thing the daemon needs, and for each group of plug-ins."""
    lines = [
        writable("state", settings.state_directory),
        *installed_lines(),
        CheckLine("decoder", True, DECODER.describe()),
    ]
    for sink in settings.sinks:
        asked = partial(_check_sink, sink, settings)
        lines += await _asked(f"sink {sink.name}", asked)
    if not settings.ispyb.enabled:
        lines.append(CheckLine("ispyb", True, "off (ispyb.enabled = false)"))
    lines += await asyncio.to_thread(cluster_lines, settings)
    lines += await _asked("cluster engine", partial(engine_lines, settings))
    lines += await broker_lines(settings)
    for source in settings.sources:
        lines += await _asked(f"source {source.name}", partial(_check_source, source))
    for way in settings.web.authenticator:
        asked = partial(_check_authenticator, way, settings)
        lines += await _asked(f"sign-in {way.name}", asked)
    if settings.web.authenticator:
        asked = partial(_check_rights, settings)
        lines += await _asked("rights", asked)
    if settings.sync.url is not None:
        lines += await _asked("sync", partial(_check_sync, settings))
    for portal in settings.sync.portal:
        asked = partial(_check_portal, portal, settings)
        lines += await _asked(f"portal {portal.name}", asked)
    return lines


async def _check_sync(settings: Settings) -> Sequence[CheckLine]:
    return [await asyncio.to_thread(check_account, settings)]


async def _check_portal(
    section: PortalSection, settings: Settings
) -> Sequence[CheckLine]:
    return await portal_plugin(section.kind).check(section, settings)


async def _check_rights(settings: Settings) -> Sequence[CheckLine]:
    return [await asyncio.to_thread(check_people, settings)]


async def _check_sink(sink: SinkSection, settings: Settings) -> Sequence[CheckLine]:
    return await sink_plugin(sink.kind).check(sink, settings)


async def _check_authenticator(
    section: AuthenticatorSection, settings: Settings
) -> Sequence[CheckLine]:
    return await authenticator_plugin(section.kind).check(section, settings)


async def _check_source(source: SourceSection) -> Sequence[CheckLine]:
    return await source_plugin(source.kind).check(source)


async def _asked(
    what: str, check: Callable[[], Coroutine[Any, Any, Sequence[CheckLine]]]
) -> Sequence[CheckLine]:
    """The lines of a plug-in; one that fails or is missing costs its own line only."""
    failed = "its plug-in failed; see step_failed above"
    lines: Sequence[CheckLine] = [CheckLine(what, False, failed)]
    try:
        with boundary(f"check {what}", (ConfigError,)):
            async with asyncio.timeout(PLUGIN_S):
                lines = await check()
    except ConfigError as error:
        return [CheckLine(what, False, str(error))]
    return lines
