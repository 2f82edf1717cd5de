"""Groups, permissions, and what administrators did: for those who may manage them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import distinct, func, or_, select

from recorder.ispyb.reading.parts import (
    Found,
    Page,
    Part,
    apart,
    equal,
    has,
    holding,
    paged,
)
from recorder.ispyb.schema.people_tables import (
    group_permission,
    group_person,
    permission,
    user_group,
)
from recorder.ispyb.schema.read_tables import activity
from recorder.ispyb.schema.rows import Rows

_GROUP = Part(user_group, ("userGroupId", "name"))
_PERMISSION = Part(permission, ("permissionId", "type", "description"))
_ACTIVITY = Part(activity, ("username", "action", "comments", "dateTime"))


@dataclass(frozen=True, slots=True)
class GroupNumbers:
    """How much is in a group."""

    permissions: int = 0
    people: int = 0


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A group of persons with the same permissions."""

    userGroupId: int
    name: str | None
    metadata: Annotated[GroupNumbers, Field(serialization_alias="_metadata")] = (
        GroupNumbers()
    )


@dataclass(frozen=True, slots=True)
class Permission:
    """What a group may do."""

    permissionId: int
    type: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What an administrator did."""

    username: str | None
    action: str | None
    comments: str | None
    dateTime: datetime | None


def groups(rows: Rows, page: Page, group: int | None = None) -> Found[UserGroup]:
    """Groups with the number of their permissions and persons."""
    live, c = rows.live, user_group.c
    if not has(live, user_group):
        return Found(0)
    query = select(*_GROUP.columns(live)).order_by(c.userGroupId)
    if group is not None:
        query = query.where(c.userGroupId == group)
    total, found = paged(rows, query, page)
    ids = [row[0] for row in found]
    granted = _counted(rows, group_permission, "permissionId", ids)
    people = _counted(rows, group_person, "personId", ids)
    return Found(
        total,
        tuple(
            UserGroup(n, name, GroupNumbers(granted.get(n, 0), people.get(n, 0)))
            for n, name in found
        ),
    )


def _counted(rows: Rows, link: Any, what: str, ids: list[int]) -> dict[int, int]:
    if not ids or not has(rows.live, link):
        return {}
    group = link.c.userGroupId
    query = select(group, func.count(distinct(link.c[what]))).where(group.in_(ids))
    return dict(rows.read(query.group_by(group)))


def permissions(
    rows: Rows,
    page: Page,
    number: int | None = None,
    group: int | None = None,
    search: str | None = None,
) -> Found[Permission]:
    """Permissions.

    Args:
        rows: The database.
        page: Which ones.
        number: Only this one.
        group: Only those of a group.
        search: Only those with it in name or description.
    """
    live, c = rows.live, permission.c
    if not has(live, permission):
        return Found(0)
    query = select(*_PERMISSION.columns(live)).order_by(c.permissionId)
    if number is not None:
        query = query.where(c.permissionId == number)
    if group is not None:
        link = group_permission.c
        mine = select(link.permissionId).where(link.userGroupId == group)
        query = query.where(c.permissionId.in_(mine))
    if search:
        found = (holding(live, c.type, search), holding(live, c.description, search))
        query = query.where(or_(*found))
    total, rows_of = paged(rows, query, page)
    return Found(total, tuple(Permission(*row) for row in rows_of))


def activities(rows: Rows, page: Page, action: str | None = None) -> Found[Activity]:
    """What was done, the latest first; most sites have no such rows."""
    live, c = rows.live, activity.c
    if not has(live, activity):
        return Found(0)
    query = select(*_ACTIVITY.columns(live))
    query = query.order_by(c.dateTime.desc(), c.adminActivityId.desc())
    if action is not None:
        query = query.where(equal(live, c.action, action))
    total, found = paged(rows, query, page)
    return Found(total, tuple(Activity(**apart(row, (_ACTIVITY,))[0]) for row in found))
