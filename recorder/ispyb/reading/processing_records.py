"""Programs and how they ended, as py-ISPyB's API names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

Ended = Literal[0, 1, 2] | None
"""0: it failed, 1: it succeeded, 2: it did not run, null: it runs, or nobody knows."""


@dataclass(frozen=True, slots=True)
class ProgramStatus:
    """How a program ended."""

    status: Ended
    autoProcProgramId: int


@dataclass(frozen=True, slots=True)
class ScreeningStatus:
    """How a screening ended."""

    status: Ended
    indexingSuccess: Ended


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """How programs ended for one collection, by their names."""

    screening: dict[str, tuple[ScreeningStatus, ...]] = field(default_factory=dict)
    processing: dict[str, tuple[ProgramStatus, ...]] = field(default_factory=dict)
    autoIntegration: dict[str, tuple[ProgramStatus, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statuses:
    """By data collection."""

    statuses: dict[int, CollectionStatus]


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """How many messages there are."""

    errors: int
    warnings: int
    info: int


@dataclass(frozen=True, slots=True)
class MessageStatuses:
    """By data collection."""

    statuses: dict[int, MessageCounts]


@dataclass(frozen=True, slots=True)
class ProgramNumbers:
    """What there is of a program."""

    attachments: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A program that ran on a data collection."""

    autoProcProgramId: int
    processingCommandLine: str | None
    processingPrograms: str | None
    processingStatus: Ended
    processingMessage: str | None
    processingStartTime: datetime | None
    processingEndTime: datetime | None
    processingEnvironment: str | None
    recordTimeStamp: datetime | None
    metadata: Annotated[ProgramNumbers, Field(serialization_alias="_metadata")] = (
        ProgramNumbers()
    )


@dataclass(frozen=True, slots=True)
class Screening:
    """A screening of a crystal."""

    screeningId: int
    programVersion: str | None
    comments: str | None
    shortComments: str | None


@dataclass(frozen=True, slots=True)
class ProgramMessage:
    """What a program said."""

    autoProcProgramMessageId: int
    autoProcProgramId: int
    severity: str | None
    message: str | None
    description: str | None
    recordTimeStamp: datetime | None


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A file that a program wrote."""

    autoProcProgramAttachmentId: int
    autoProcProgramId: int
    fileName: str | None
    fileType: str | None
    importanceRank: int | None
