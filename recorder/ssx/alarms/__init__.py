"""Alarms that can be trusted: what changed, since when, and what may be the cause.

One function, no clock, no I/O::

    from recorder.ssx.alarms.watch import AlarmState, step

    state = AlarmState()  # or AlarmState.from_json(...) of the journal
    state, events = step(state, observation)  # about twice a second

``observation`` (`observation.py`) is what the daemon knows for a slice of time: the
images whose outcome became known, in image order (``images(...)`` fills in what is not
known), the laser pulses that were due and are settled, the images that came or were
lost, ages of the sources, lag of the sinks, backlog, journal, disk, and the run.
``events`` (`events.py`) are `AlarmRaised` and `AlarmCleared`. An id that is raised
again replaces what was said: it got worse, or a cause was found. ``state.standing`` are
the alarms that stand; ``state.to_json()`` and ``AlarmState.from_json()`` carry all over
a restart, after which the same is told as without it. ``accept_level(state, id, time)``
(`accepting.py`) takes the present level as normal, which may be offered once an alarm
has stood for ``rates.HOLD_S``.

Nothing depends on how images are cut into slices: each family of alarms takes its
trials one by one (in arrays), renews its baseline at a counted trial, and tells at the
very image where its sum reaches the limit. Images without a class are no trials.

Who knows whom, lowest first: `wilson` (intervals) and `cusum` (designs, exact run
lengths); `baseline`, `rates` and `following` (one share, whatever it is); one module
for each family; `history`, `comparing` and `hints` (causes); `watch`.
"""
