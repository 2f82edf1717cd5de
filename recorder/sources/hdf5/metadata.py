"""What NXmx, DECTRIS and CXI files say of the detector; every key may be absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from recorder.errors import FileFormatError
from recorder.records import DetectorInfo
from recorder.records.detector import ONE_IMAGE_PER_TRIGGER
from recorder.records.limits import MAX_FILE_PIXELS, MAX_IMAGES
from recorder.sources.hdf5.facts import Facts
from recorder.sources.hdf5.links import resolve
from recorder.sources.hdf5.locate import Located
from recorder.sources.hdf5.nexus import Group, Tree, member_names
from recorder.sources.hdf5.opening import Files, Place, guarded
from recorder.sources.hdf5.units import (
    ANGSTROMS,
    ELECTRONVOLT_J,
    ELECTRONVOLTS,
    METRES,
    SECONDS,
)

_CXI_SOURCE = "/entry_1/instrument_1/source_1"
"""Where CXI files have the energy of the photons."""
_EPOCH_BITS = 63
"""Start times are taken as they are: integers that the journal's columns hold."""


@dataclass(frozen=True, slots=True)
class Detector:
    """The groups that describe the detector of the images."""

    groups: tuple[Group, ...]
    """The NXdetector and the collections within it."""
    entry: str


def find_detector(facts: Facts, tree: Tree, located: Located) -> Detector:
    """The NXdetector of the images: the one that holds them, or links to them."""
    name = next((part.name for part in located.parts), "")
    entries = [g.entry for g in tree.groups if g.entry and name.startswith(g.entry)]
    entry = entries[0] if entries else ""
    found = tree.of("NXdetector", entry) or tree.of("NXdetector")
    if not found:
        return Detector((), entry)
    chosen, sure = _holder(facts.files, found, located), True
    if chosen is None:
        sure = len(found) == 1
        usual = [group for group in found if group.path.endswith("/detector")]
        chosen = (usual or found)[0]
    if not sure:
        others = ", ".join(group.path for group in found if group is not chosen)
        facts.note(
            f"several detectors: {chosen.path} taken for that of the images, "
            f"not {others}"
        )
    inner = [g for g in tree.groups if g.path.startswith(f"{chosen.path}/")]
    collections = [g for g in inner if g.nx_class == "NXcollection"]
    named = _member(facts.files, chosen, "detectorSpecific")
    if named is not None and named.place not in [g.place for g in collections]:
        collections.insert(0, named)
    return Detector((chosen, *collections), chosen.entry)


def _member(files: Files, group: Group, name: str) -> Group | None:
    try:
        place = resolve(files, group.member(name))
        item = files.item(place)
    except FileFormatError:
        return None
    found = Group(f"{group.path}/{name}", place, "NXcollection", group.entry)
    return found if isinstance(item, h5py.Group) else None


def _holder(files: Files, groups: Sequence[Group], located: Located) -> Group | None:
    """The group that one of the image datasets lies in, or is linked from."""
    places = {part.source.place for part in located.parts if part.source}
    names = {part.name for part in located.parts}
    for group in groups:
        if any(name.startswith(f"{group.path}/") for name in names):
            return group
    for group in groups:
        for name in member_names(files, group.place):
            try:
                if same(files, resolve(files, group.member(name)), places):
                    return group
            except FileFormatError:
                continue
    return None


def same(files: Files, place: Place, places: set[Place]) -> bool:
    """Whether it is one of the places, under whatever name."""
    if place in places:
        return True
    item = files.item(place)
    if not isinstance(item, h5py.Dataset):
        return False
    with guarded(place):
        return any(
            place.file == other.file and item == files.dataset(other)
            for other in places
        )


def read_info(facts: Facts, tree: Tree, detector: Detector) -> DetectorInfo:
    """Detector metadata of a file."""
    groups = detector.groups
    beams = [
        group
        for name in ("NXbeam", "NXmonochromator", "NXsource")
        for group in (tree.of(name, detector.entry) or tree.of(name))
        # energy and wavelength of other sources are those of the electrons
        if name != "NXsource" or group.path == _CXI_SOURCE
    ]
    pixel = _both(facts, groups, ("x_pixel_size", "y_pixel_size"))
    energy = facts.number(
        [*groups, *beams],
        ("photon_energy", "incident_energy", "energy"),
        ELECTRONVOLTS,
    )
    return DetectorInfo(
        shape=_shape(facts, tree, detector),
        pixel_size=pixel,
        distance=_distance(facts, tree, detector),
        beam_center=_center(facts, groups, pixel),
        wavelength=facts.number(
            beams, ("incident_wavelength", "wavelength"), ANGSTROMS
        ),
        photon_energy=_electronvolts(energy),
        saturation=facts.number(
            groups, ("saturation_value", "countrate_correction_count_cutoff"), {}
        ),
        exposure_time_s=facts.number(groups, ("count_time",), SECONDS),
        frame_time_s=facts.number(groups, ("frame_time",), SECONDS),
        sensor_material=facts.text(groups, ("sensor_material",)),
        sensor_thickness=facts.number(groups, ("sensor_thickness",), METRES),
        description=facts.text(groups, ("description",)),
        serial_number=facts.text(groups, ("detector_number", "serial_number")),
        bit_depth=facts.whole(groups, "bit_depth_image", 64) or None,
        nframes_sum=facts.whole(groups, "nframes_sum", MAX_IMAGES) or None,
    )


def read_triggers(facts: Facts, detector: Detector) -> tuple[int | None, int | None]:
    """Triggers that a DECTRIS master announces, and images of each; None if unsaid."""
    triggers = facts.whole(detector.groups, "ntrigger", MAX_IMAGES) or None
    if facts.text(detector.groups, ("trigger_mode",)) in ONE_IMAGE_PER_TRIGGER:
        return triggers, None if triggers is None else 1
    return triggers, facts.whole(detector.groups, "nimages", MAX_IMAGES) or None


def announced_images(triggers: int | None, each: int | None) -> int:
    """Images that a DECTRIS master announces, 0 if it does not.

    Args:
        triggers: See :func:`read_triggers`; without them a series has one.
        each: Images of each.
    """
    images = (each or 0) * (triggers or 1)
    return images if images <= MAX_IMAGES else 0


def _electronvolts(energy: float | None) -> float | None:
    """CXI files give joules without saying so: 10 keV are 1.6e-15 J."""
    return energy / ELECTRONVOLT_J if energy and energy < 1e-10 else energy


def _shape(facts: Facts, tree: Tree, detector: Detector) -> tuple[int, int] | None:
    most = MAX_FILE_PIXELS
    y = facts.whole(detector.groups, "y_pixels_in_detector", most)
    x = facts.whole(detector.groups, "x_pixels_in_detector", most)
    if y and x:
        return y, x
    sizes = []
    for group in detector.groups[:1]:
        inside = f"{group.path}/"
        modules = [g for g in tree.of("NXdetector_module") if g.path.startswith(inside)]
        named = _member(facts.files, group, "module")
        modules = modules or ([named] if named else [])
        if len(modules) == 1:
            sizes = [facts.value(modules[0], "data_size")]
    for found in sizes:
        if found is not None and np.size(found[0]) == 2:
            slow, fast = (int(n) for n in np.asarray(found[0]).reshape(-1))
            if slow > 0 and fast > 0:
                return slow, fast
    return None


def _both(
    facts: Facts, groups: Sequence[Group], names: tuple[str, str]
) -> tuple[float, float] | None:
    x, y = (facts.number(groups, (name,), METRES) for name in names)
    return None if x is None or y is None else (x, y)


def _center(
    facts: Facts, groups: Sequence[Group], pixel: tuple[float, float] | None
) -> tuple[float, float] | None:
    """The beam centre in pixels, also where it is given as a length."""
    found = []
    for n, name in enumerate(("beam_center_x", "beam_center_y")):
        said = facts.length(groups, name)
        if said is None:
            return None
        value, unit = said
        if unit in METRES and pixel is not None and pixel[n]:
            value *= METRES[unit] / pixel[n]
        elif unit not in ("", "px"):
            because = "without a pixel size" if unit in METRES else "not known"
            facts.note(f"unit {unit!r} of {name} is {because}: the value is not used")
            return None
        found.append(value)
    return found[0], found[1]


def _distance(facts: Facts, tree: Tree, detector: Detector) -> float | None:
    found = facts.number(detector.groups, ("detector_distance", "distance"), METRES)
    if found is not None:
        return found
    inside = [
        g for g in tree.groups if detector.entry and g.path.startswith(detector.entry)
    ]
    own = tuple(group.path for group in detector.groups[:1])
    near = [g for g in inside if g.path.startswith(own)]
    places = [g for g in (*near, *inside) if g.nx_class in _MOVING]
    return facts.number(places, ("det_z",), METRES)


_MOVING = ("NXtransformations", "NXpositioner", "NXcollection")
"""Groups that hold the axes that a detector is moved along."""


def read_times(path: Path, images: int) -> list[int]:
    """Start times (ns) by image from odin's ``_meta.h5``, empty if there are none."""
    stem = path.stem.removesuffix("_master")
    meta = path.with_name(f"{stem}_meta.h5")
    files = Files()
    try:
        found = Facts(files).value(Group("", Place(meta, "/"), ""), "start_time")
    finally:
        files.close()
    if found is None or not isinstance(found[0], np.ndarray):
        return []
    starts = found[0]
    whole = starts.dtype.kind in "iu" and starts.ndim == 1 and len(starts) == images
    if not whole or not starts.any() or int(starts.max()).bit_length() > _EPOCH_BITS:
        return []
    return [int(value) for value in starts]
