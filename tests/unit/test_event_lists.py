"""Event lists name images as the detector's file does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recorder.records import Files
from recorder.records.mx_plan import Part
from recorder.reports.run_labels import labels_of
from recorder.sinks.held_folder import held
from recorder.sinks.results.event_lists import write_event_lists
from tests.builders import announced, announcement, new_run


@pytest.mark.parametrize(
    ("part", "numbers"), [(None, [1, 3]), (Part("u", 2, 2, 96, 5), [97, 99])]
)
def test_a_part_of_a_series_begins_where_it_does_in_the_file(tmp_path, part, numbers):
    told = replace(announced(announcement("u")), files=Files("a", "b.h5"), part=part)
    run = new_run(announcement=told)
    for n in range(5):
        run.images.receive(n, None)
    with held(tmp_path) as folder:
        write_event_lists(
            folder,
            told,
            labels_of(run),
            lambda first, after: [n for n in (1, 3) if first <= n < after],
        )
    lines = (tmp_path / "indexed.lst").read_text().splitlines()
    assert lines == [f"a/b.h5 //{n}" for n in numbers]
