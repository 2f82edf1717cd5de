"""Groups, their permissions and their persons: found or made, added and removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recorder.errors import UsageError
from recorder.ispyb.access.change_log import Change
from recorder.ispyb.access.names import (
    WELL_KNOWN,
    check_length,
    check_meant,
    near,
    unknown,
)
from recorder.ispyb.access.writing import Writer
from recorder.ispyb.schema import people_tables as p
from recorder.records.access import same


@dataclass(frozen=True, slots=True)
class Group:
    """One, with what is in it."""

    group_id: int
    name: str
    permissions: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    """Logins; of a person without login the name or number."""


def list_groups(rows: Writer) -> tuple[Group, ...]:
    """All of them, by name."""
    permissions = dict(rows.all(p.permission, "permissionId", "type"))
    has, member = p.group_permission, p.group_person
    of_group: dict[int, set[str]] = {}
    for group, number in rows.all(has, "userGroupId", "permissionId"):
        of_group.setdefault(group, set()).add(permissions.get(number) or str(number))
    members: dict[int, list[int]] = {}
    for group, person in rows.all(member, "userGroupId", "personId"):
        members.setdefault(group, []).append(person)
    found = [
        Group(
            number,
            name or "",
            tuple(sorted(of_group.get(number, ()))),
            tuple(sorted(_shown(rows, person) for person in members.get(number, ()))),
        )
        for number, name in rows.all(p.user_group, "userGroupId", "name")
    ]
    return tuple(sorted(found, key=lambda group: group.name))


def _shown(rows: Writer, person: int) -> str:
    found = rows.where(p.person, "login givenName familyName", personId=person)
    if not found:
        return f"Person {person}, who is not there"
    login, given, family = found[0]
    return login or " ".join(filter(None, (given, family))) or f"Person {person}"


@dataclass(frozen=True, slots=True)
class Members:
    """Changes groups.

    Args:
        rows: Of one transaction.
        changes: Gets what was changed.
        opening: Permissions that beamline groups or types name.
    """

    rows: Writer
    changes: list[Change]
    opening: frozenset[str] = frozenset()

    def group(self, name: str, *, create: bool) -> int:
        """The number of a group.

        Raises:
            UsageError: There is none, and it is not to be made.
        """
        known = self.rows.all(p.user_group, "userGroupId", "name")
        for number, there in known:
            if there is not None and same(there, name):
                return int(number)
        names = [there for _, there in known if there]
        if not create:
            raise unknown("group", name, names, "--create makes it")
        check_length(self.rows.live, "UserGroup", "name", name)
        number = self.rows.insert(p.user_group, name=name)
        self._note("group_created", f"group {name} (UserGroup {number})")
        return number

    def grant(self, group: int, name: str, permission: str, *, create: bool) -> None:
        """Give a group a permission."""
        numbers = self._permissions(permission)
        there = self.rows.where(p.group_permission, "permissionId", userGroupId=group)
        if {number for (number,) in there} & set(numbers):
            return
        number = numbers[0] if numbers else self._new(permission, create=create)
        self.rows.insert(p.group_permission, userGroupId=group, permissionId=number)
        what = f"permission {permission} (Permission {number})"
        self._note("permission_granted", f"{what} to {_of(name, group)}")

    def revoke(self, group: int, name: str, permission: str) -> None:
        """Take a permission from a group, by whatever row it has it.

        Raises:
            UsageError: There is no such permission.
        """
        numbers = self._permissions(permission)
        if not numbers:
            raise unknown("permission", permission, self._known(), "")
        for number in numbers:
            match = {"userGroupId": group, "permissionId": number}
            if self.rows.delete(p.group_permission, **match):
                what = f"permission {permission} (Permission {number})"
                self._note("permission_revoked", f"{what} from {_of(name, group)}")

    def add(self, group: int, name: str, login: str) -> None:
        """Make somebody a member."""
        persons = persons_of(self.rows, login)
        there = self.rows.where(p.group_person, "personId", userGroupId=group)
        if {number for (number,) in there} & set(persons):
            return
        self.rows.insert(p.group_person, userGroupId=group, personId=persons[0])
        what = f"{login} (Person {persons[0]})"
        self._note("person_added", f"{what} to {_of(name, group)}")

    def remove(self, group: int, name: str, login: str) -> None:
        """Make somebody a member no more, by whatever row they are one."""
        for person in persons_of(self.rows, login):
            match = {"userGroupId": group, "personId": person}
            if self.rows.delete(p.group_person, **match):
                what = f"{login} (Person {person})"
                self._note("person_removed", f"{what} from {_of(name, group)}")

    def _permissions(self, permission: str) -> list[int]:
        """All rows of a permission: the type is not unique; compared exactly."""
        found = self.rows.all(p.permission, "permissionId", "type")
        return [number for number, kind in found if kind == permission]

    def _known(self) -> list[str]:
        found = self.rows.all(p.permission, "permissionId", "type")
        return [kind for _, kind in found if kind]

    def _new(self, permission: str, *, create: bool) -> int:
        """Enter a permission that programs know, or that is meant to be new.

        Raises:
            UsageError: Nothing asks for it.
        """
        known = {*self._known(), *WELL_KNOWN, *self.opening}
        if permission not in known and not create:
            hint = "--create makes it; it opens nothing until something asks for it"
            raise unknown("permission", permission, known, hint)
        if permission not in known:
            check_meant(permission)
        check_length(self.rows.live, "Permission", "type", permission)
        about = WELL_KNOWN.get(permission, permission)
        number = self.rows.insert(p.permission, type=permission, description=about)
        text = f"permission {permission} (Permission {number})"
        self._note("permission_created", text)
        return number

    def _note(self, action: str, text: str) -> None:
        self.changes.append(Change(action, text))


def persons_of(rows: Writer, login: str) -> Sequence[int]:
    """Numbers of all rows of a login, the first one first.

    Raises:
        UsageError: Nobody has it.
    """
    found = rows.where(p.person, "personId login", login=login)
    numbers = [number for number, there in found if there and same(there, login)]
    if numbers:
        return numbers
    hint = f"`recorder access person {login} --create` enters them"
    raise UsageError(f"nobody has login {login!r}{near(login, logins(rows), hint)}")


def logins(rows: Writer) -> Iterable[str]:
    """Of everybody."""
    return [login for (login,) in rows.all(p.person, "login") if login]


def _of(name: str, group: int) -> str:
    return f"group {name} (UserGroup {group})"
