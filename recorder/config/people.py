"""Who may see what: the database that rights are read from, and people in the file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from recorder.config.database import DatabaseSection
from recorder.config.endpoints import DatabaseUrl
from recorder.config.section import Secret, Section
from recorder.config.values import Name, Seconds
from recorder.records.access import LOGIN
from recorder.records.announcement import PROPOSAL

ProposalName = Annotated[str, Field(pattern=PROPOSAL)]
Permission = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,15}$")]
"""As `Permission.type`, which has 15 characters."""


class BeamlineGroupSection(Section):
    """Beamlines that a permission opens, beside those of `AdminVar`."""

    name: Name
    """Name of the group, shown to people."""
    permission: Permission
    """Who has it sees all sessions of these beamlines."""
    beamlines: tuple[Name, ...] = Field(min_length=1)
    """As `BLSession.beamLineName` has them."""


class WebIspybSection(DatabaseSection):
    """The database that `recorder web` reads: rights, proposals, earlier runs."""

    url: DatabaseUrl | None = None
    """SQLAlchemy URL such as `mariadb+pymysql://recorder_web@host/ispyb`, of an account
    that may only SELECT; unset: the embedded file if `ispyb.url` is unset, else no
    database, and people are those of `web.people` and `web.directory_group`."""
    password: Secret | None = None
    """Password; better in a credential (`web__ispyb__password`) or the environment than
    in the file."""
    timeout_s: Seconds = 3.0
    """How long to wait for the server, for a connection and for an answer."""
    rules: Literal["pyispyb", "synchweb"] | None = None
    """Whose rules decide: py-ISPyB's (ESRF, MAX IV) or SynchWeb's (Diamond: persons of
    sessions, and staff by a permission such as `mx_admin`); unset: as the tables
    look."""
    beamline_group: tuple[BeamlineGroupSection, ...] = ()
    """Groups of beamlines beside those of `AdminVar`, whose value ends at 1024
    characters; by py-ISPyB's rules."""
    beamline_types: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Beamlines by type, such as `mx = ["i03", "i24"]`: staff with `mx_admin` see all
    sessions of these; by SynchWeb's rules."""


class StatedSection(Section):
    """What somebody may see, as the configuration says."""

    all_proposals: bool = False
    """Everything."""
    beamlines: tuple[Name, ...] = ()
    """All sessions on these, as `BLSession.beamLineName` has them."""
    proposals: tuple[ProposalName, ...] = ()
    """These, by code and number such as `mx2345`."""
    permissions: tuple[Permission, ...] = ()
    """Further permissions, such as `manage_groups`."""


def _check_logins(people: dict[str, StatedSection]) -> dict[str, StatedSection]:
    folded: set[str] = set()
    for login in people:
        if login.lower() in folded:
            raise ValueError(f"{login!r} is there twice, in other case; leave one")
        folded.add(login.lower())
    return people


Login = Annotated[str, Field(pattern=f"^{LOGIN}$")]
People = Annotated[dict[Login, StatedSection], AfterValidator(_check_logins)]
DirectoryGroups = dict[Name, StatedSection]
