"""The beamline of a run: its detector, and the set-up of its session."""

from __future__ import annotations

from sqlalchemy import select, update

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.completing import Completer, agree
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import fit
from recorder.records import Announcement, Beam, DetectorInfo, DetectorPlace, Json
from recorder.runs.run import Run

PIXELS = ("detectorPixelSizeHorizontal", "detectorPixelSizeVertical")
MAKERS = ("Dectris", "Rayonix", "ADSC", "MAR", "Rigaku", "PSI")
"""Makers that headers name as the first word of the detector's description."""


def find_detector(completer: Completer, run: Run, can: Capabilities) -> int | None:
    """The detector by its serial number, else by all that is known of it.

    It is created if it is new; None if nothing is known of it, or it is denied.
    """
    if not can.can(Capability.DETECTOR):
        return None
    seen = run.start.info if run.start else DetectorInfo()
    values = _described(seen, run.announcement.detector or DetectorPlace())
    allowed = can.can(Capability.DETECTOR_COMPLETED)
    if seen.serial_number:
        serial = {"detectorSerialNumber": seen.serial_number}
        return completer.find_or_create(t.detector, serial, values, allowed=allowed)
    if run.start is None or all(value is None for value in values.values()):
        return None
    number = _without_serial(completer.rows, values)
    if number is None:
        return completer.rows.insert(t.detector, values)
    completer.complete(t.detector, number, values, allowed=allowed)
    return number


def _described(seen: DetectorInfo, place: DetectorPlace) -> Json:
    pixel = seen.pixel_size or (None, None)
    return {
        "detectorType": place.type,
        "detectorManufacturer": place.manufacturer or _maker(seen.description),
        "detectorModel": seen.description,
        **dict(zip(PIXELS, pixel, strict=True)),
    }


def _maker(description: str | None) -> str | None:
    """The maker, where the description begins with one."""
    first = (description or "").split(maxsplit=1)[:1]
    known = {maker.casefold(): maker for maker in MAKERS}
    return known.get(first[0].casefold()) if first else None


def _without_serial(rows: Rows, values: Json) -> int | None:
    """A detector without serial number of this model, of which nothing else is known.

    What only one of the two says does not tell them apart.
    """
    known = fit(rows.live, t.detector, values)
    names = list(known)
    query = select(t.detector.c.detectorId, *(t.detector.c[name] for name in names))
    serial = t.detector.c.detectorSerialNumber
    query = query.where(serial.is_(None) | (serial == ""))
    if "detectorModel" in known:
        query = query.where(t.detector.c.detectorModel == known["detectorModel"])
    for number, *there in rows.read(query.order_by(t.detector.c.detectorId)):
        said = [
            (found, known[name])
            for name, found in zip(names, there, strict=True)
            if found not in (None, "") and known[name] is not None
        ]
        if all(agree(found, value) for found, value in said):
            return int(number)
    return None


def describe_setup(
    completer: Completer, session_id: int, announced: Announcement, can: Capabilities
) -> None:
    """What is announced of ring and optics, into the session's ``BeamLineSetup``.

    A set-up that is there is completed; a session without one gets one.
    """
    beam = announced.beam or Beam()
    values: Json = {
        "synchrotronMode": beam.filling_mode,
        "undulatorType1": beam.undulator,
        "focusingOptic": beam.focusing_optic,
        "monochromatorType": beam.monochromator,
        "polarisation": beam.polarisation,
    }
    said = {name: value for name, value in values.items() if value is not None}
    if not said or not can.can(Capability.BEAMLINE_SETUP):
        return
    mine = t.session.c.sessionId == session_id
    found = completer.rows.read(select(t.session.c.beamLineSetupId).where(mine))
    setup_id = found[0][0] if found else None
    if setup_id is not None:
        completer.complete(t.beamline_setup, setup_id, said, allowed=True)
        return
    setup_id = completer.rows.insert(t.beamline_setup, said)
    none = t.session.c.beamLineSetupId.is_(None)
    completer.rows.run(
        update(t.session).where(mine, none).values(beamLineSetupId=setup_id)
    )
