"""Groups, permissions, and what administrators did.

They are read here. They are changed by ``recorder access``, on the host: the account
of this process may only SELECT, so that whoever breaks into it can grant nothing.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from recorder.ispyb.reading import administration
from recorder.ispyb.reading.administration import Activity, Permission, UserGroup
from recorder.ispyb.reading.tables import Tables
from recorder.web.problems import ProblemError
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Call, Method, Page, listing
from recorder.web.pyispyb.sample_calls import page_of

GROUPS, PERMISSIONS, ACTIVITY = "manage_groups", "manage_perms", "view_activity"
"""Permissions that are needed; py-ISPyB's names."""
NOT_HERE = (
    "the account of this server may only read; `recorder access grant`, `recorder "
    "access revoke` and `recorder access person` change it (docs/how-to/rights.md)"
)


def list_groups(asked: Asked, tables: Tables) -> Page[UserGroup]:
    """`GET /admin/groups`."""
    found = administration.groups(
        tables.described, page_of(asked), asked["userGroupId"]
    )
    return asked.page(found.total, found.results)


def list_permissions(asked: Asked, tables: Tables) -> Page[Permission]:
    """`GET /admin/permissions`."""
    found = administration.permissions(
        tables.described,
        page_of(asked),
        asked["permissionId"],
        asked["userGroupId"],
        asked["search"],
    )
    return asked.page(found.total, found.results)


def list_activity(asked: Asked, tables: Tables) -> Page[Activity]:
    """`GET /admin/activity`."""
    found = administration.activities(
        tables.described, page_of(asked), asked["action_type"]
    )
    return asked.page(found.total, found.results)


async def not_here(asked: Asked) -> None:
    """What would change groups or permissions."""
    raise ProblemError(HTTPStatus.FORBIDDEN, "read-only", NOT_HERE)


def _changing(
    method: Method, path: str, about: str, of: Any, permission: str, *keys: str
) -> Call:
    return Call(
        path,
        about,
        of,
        does=not_here,
        parameters=tuple(given.whole(key, "Its number.", place="path") for key in keys),
        permission=permission,
        method=method,
        status=204 if of is None else 200,
    )


_KEY = "userGroupId"
_GROUP = "/admin/groups/{userGroupId}"
ADMIN_CALLS = (
    listing(
        "/admin/groups",
        "Groups of persons",
        UserGroup,
        list_groups,
        (given.whole(_KEY, "Number of a group."),),
        permission=GROUPS,
    ),
    _changing("POST", "/admin/groups", "Add a group", UserGroup, GROUPS),
    _changing("PATCH", _GROUP, "Rename a group", UserGroup, GROUPS, _KEY),
    *(
        _changing("POST", f"{_GROUP}/{what}", f"Add a {what}", None, GROUPS, _KEY)
        for what in ("permission", "person")
    ),
    *(
        _changing(
            "DELETE",
            f"{_GROUP}/{what}/{{{what}Id}}",
            f"Remove a {what}",
            None,
            GROUPS,
            _KEY,
            f"{what}Id",
        )
        for what in ("permission", "person")
    ),
    listing(
        "/admin/permissions",
        "Permissions",
        Permission,
        list_permissions,
        (
            given.whole("permissionId", "Number of a permission."),
            given.whole(_KEY, "Only those of a group."),
            given.text("search", "A part of name or description.", most=200),
        ),
        permission=PERMISSIONS,
    ),
    _changing("POST", "/admin/permissions", "Add it", Permission, PERMISSIONS),
    _changing(
        "PATCH",
        "/admin/permissions/{permissionId}",
        "Change it",
        Permission,
        PERMISSIONS,
        "permissionId",
    ),
    listing(
        "/admin/activity",
        "What administrators did",
        Activity,
        list_activity,
        (given.word("action_type", "Only these.", ("db_options", "online")),),
        permission=ACTIVITY,
    ),
)
