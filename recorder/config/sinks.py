"""Sinks of our own: what there is to set stands in other sections."""

from __future__ import annotations

from typing import Literal

from recorder.config.section import SinkSection


class ResultsSinkSection(SinkSection):
    """The files of each run; where they go is ``results_directory``."""

    name: Literal["results"] = "results"
    """There is one of its kind."""
    kind: Literal["results"] = "results"
    """The files of each run."""


class IspybSinkSection(SinkSection):
    """The facility's database; all its settings are those of ``[ispyb]``."""

    name: Literal["ispyb"] = "ispyb"
    """There is one of its kind."""
    kind: Literal["ispyb"] = "ispyb"
    """The facility's database."""
