"""The facility's database."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recorder.config.by_kind import FlavourName
from recorder.config.database import DatabaseSection
from recorder.config.endpoints import DatabaseUrl
from recorder.config.values import Name, Seconds
from recorder.records.announcement import PROPOSAL


class IspybSection(DatabaseSection):
    """The facility's database."""

    enabled: bool = True
    """Off: nothing is written to ISPyB."""
    flavour: FlavourName = "esrf"
    """Which ISPyB: the common one (`esrf`), MAX IV's or Diamond's, or one that a
    package brings. It is compared with the live schema at start."""
    beamline: Name | None = None
    """The beamline as `BLSession.beamLineName` has it; unset: `beamline`. Sessions of
    other beamlines are refused."""
    chain_scope: Literal["collection", "position"] | None = None
    """How the readers of the event chains take them: `collection`, offsets from the
    run's start and repetitions over the whole run (ESRF, MAX IV); `position`, one
    position, with its shots as repetition (Diamond); unset: the flavour's. Chains of
    the other scope are converted."""
    rates: Literal["fraction", "percent"] = "fraction"
    """Unit of `hitRate` and `indexingRate` in flavour `maxiv`, whose schema says
    none."""
    image_rows: bool | None = None
    """Write one row of `ImageQualityIndicators` for each image; unset: of serial runs
    in flavour `diamond` only, of others always."""
    provisional_end: bool | None = None
    """Give a run that goes on an end time, and advance it at each update, so that
    readers that sort by it show the run first; `runStatus` stays empty until the true
    end. Unset: the flavour's (`esrf` and `maxiv`: yes, py-ISPyB sorts so; `diamond`:
    no, its readers sort by the start)."""
    runs_per_group: int = Field(100, ge=1, le=1_000_000)
    """Runs of an experiment after which a new group is begun: py-ISPyB's page shows no
    more of one group."""
    url: DatabaseUrl | None = None
    """SQLAlchemy URL such as `mariadb+pymysql://recorder@host/ispyb`, without the
    password (one in it is taken as `ispyb.password`); unset: the embedded SQLite file
    `ispyb.sqlite` in the state directory."""
    demo_proposal: Name = Field("mx2345", pattern=PROPOSAL)
    """Proposal that the embedded database is created with (visit 1)."""
    update_interval_s: Seconds = 5.0
    """How often the statistics of a run are updated."""
    connect_timeout_s: Seconds = 10.0
    """How long to wait for the server."""
    retry_max_s: Seconds = 5.0
    """Longest wait between two attempts while the server is away."""
