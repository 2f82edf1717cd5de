"""What of samples, proteins and components somebody may see.

Whoever may see a proposal sees all of it. Whoever may see only some of its sessions
sees what was used in these, or is in a container that was assigned to one of them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, or_, select

from recorder.ispyb.people.scoping import beamlines_whole, proposal_whole, visible
from recorder.ispyb.reading.parts import has
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.people_tables import proposal, session
from recorder.records.access import Rights

COLLECTED = (r.group, r.collection)
"""Tables without which nobody knows what was collected: an account may not see them."""


class Sight:
    """The clauses of one who asks.

    Args:
        live: Tables that the database has.
        rights: Theirs.
    """

    def __init__(self, live: LiveSchema, rights: Rights) -> None:
        self.live = live
        self.rights = rights

    def proposals(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        """That a proposal, by its id, may be seen as a whole."""
        return proposal_whole(self.rights, number)

    @cached_property
    def sessions(self) -> Select[Any]:
        """Ids of the sessions that they may see."""
        return (
            select(session.c.sessionId)
            .select_from(
                session.join(proposal, proposal.c.proposalId == session.c.proposalId)
            )
            .where(visible(self.rights))
        )

    def session(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        """That a session, by its id, may be seen."""
        return number.in_(self.sessions)

    def samples(
        self, number: ColumnElement[Any], of_proposal: ColumnElement[Any]
    ) -> ColumnElement[bool]:
        """That a sample may be seen, by its id and its proposal's."""
        return or_(self.proposals(of_proposal), self._used(number))

    def proteins(
        self, number: ColumnElement[Any], of_proposal: ColumnElement[Any]
    ) -> ColumnElement[bool]:
        """The same for a protein."""
        if not has(self.live, p.crystal, p.sample):
            return self.proposals(of_proposal)
        used = (
            select(p.crystal.c.proteinId)
            .join(p.sample, p.sample.c.crystalId == p.crystal.c.crystalId)
            .where(self._used(p.sample.c.blSampleId))
        )
        return or_(self.proposals(of_proposal), number.in_(used))

    def components(
        self, number: ColumnElement[Any], of_proposal: ColumnElement[Any]
    ) -> ColumnElement[bool]:
        """The same for a component: of a sample, of its crystals, or mixed in."""
        found: list[ColumnElement[bool]] = [self.proposals(of_proposal)]
        if has(self.live, t.sample_composition, p.sample):
            of_sample = t.sample_composition.c
            found.append(
                number.in_(
                    select(of_sample.componentId).where(
                        self._used(of_sample.blSampleId)
                    )
                )
            )
        if has(self.live, t.crystal_composition, p.sample):
            of_crystal = t.crystal_composition.c
            found.append(
                number.in_(
                    select(of_crystal.componentId)
                    .join(p.sample, p.sample.c.crystalId == of_crystal.crystalId)
                    .where(self._used(p.sample.c.blSampleId))
                )
            )
        if has(self.live, t.event, t.event_chain, *COLLECTED):
            found.append(number.in_(self._mixed_in()))
        return or_(*found)

    def _mixed_in(self) -> Select[Any]:
        collection, group = r.collection.c, r.group.c
        return (
            select(t.event.c.componentId)
            .join(t.event_chain, t.event_chain.c.eventChainId == t.event.c.eventChainId)
            .join(
                r.collection,
                collection.dataCollectionId == t.event_chain.c.dataCollectionId,
            )
            .join(
                r.group, group.dataCollectionGroupId == collection.dataCollectionGroupId
            )
            .where(self.session(group.sessionId), t.event.c.componentId.is_not(None))
        )

    def _used(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        """That a sample was used in a session that they may see, or waits there."""
        return or_(false(), *(number.in_(query) for query in self._used_samples))

    @cached_property
    def _used_samples(self) -> list[Select[Any]]:
        group = r.group.c
        found: list[Select[Any]] = []
        if has(self.live, r.group):
            found.append(
                select(group.blSampleId).where(
                    self.session(group.sessionId), group.blSampleId.is_not(None)
                )
            )
        if has(self.live, r.robot):
            robot = r.robot.c
            found.append(
                select(robot.blsampleId).where(
                    self.session(robot.blsessionId), robot.blsampleId.is_not(None)
                )
            )
        where = self.containers()
        if where is not None and self.live.column("BLSample", "containerId"):
            container = p.container.c
            found.append(
                select(p.sample.c.blSampleId)
                .join(p.container, container.containerId == p.sample.c.containerId)
                .where(where)
            )
        return found

    def containers(self) -> ColumnElement[bool] | None:
        """That a container waits in one of their sessions or beamlines.

        None where there are no containers.
        """
        if not has(self.live, p.container):
            return None
        container = p.container.c
        found: list[ColumnElement[bool]] = []
        if self.live.column("Container", "sessionId"):
            found.append(self.session(container.sessionId))
        names = beamlines_whole(self.rights)
        if self.live.column("Container", "beamlineLocation") and names:
            found.append(func.lower(container.beamlineLocation).in_(names))
        return or_(false(), *found)
