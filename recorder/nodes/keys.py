"""CURVE keys: who may take part, and proof that home is home.

A folder at home, as users of mosquitto know it: ``server.secret``, ``server.public``
and ``nodes/NAME.public`` for each node. What belongs on a node's host lies in
``to-nodes/NAME``: ``node.secret`` and ``server.public``. Each file is one line of Z85.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.utils import z85

from recorder.errors import ConfigError
from recorder.foreign_text import is_name

SERVER_SECRET, SERVER_PUBLIC = "server.secret", "server.public"
NODE_SECRET, NODES, TO_NODES = "node.secret", "nodes", "to-nodes"
PUBLIC = ".public"
LENGTH = 40
"""Characters of a key in Z85: 32 bytes, what CURVE takes."""
MAX_NAME = 64
"""Characters of the name of a node's key: it is a file name and part of log lines."""
_MAKE = "make it with `recorder cluster keys`"
_TAKE = (
    f"`recorder cluster keys NAME`, at home, makes a folder with {NODE_SECRET} and "
    f"{SERVER_PUBLIC}, and says where: take that folder to the node's host, and name it"
)


@dataclass(frozen=True, slots=True)
class HomeKeys:
    """Home's pair, and the nodes that may take part."""

    secret: bytes = field(repr=False)
    public: bytes
    nodes: Mapping[bytes, str]
    """Names by public key."""


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """A node's pair, and what home is known by."""

    secret: bytes = field(repr=False)
    public: bytes
    server: bytes


def make_home_keys(folder: Path) -> bool:
    """Home's pair, if there is none yet; True if it was made.

    Raises:
        ConfigError: The folder cannot be written, or holds half a pair.
    """
    secret, public = folder / SERVER_SECRET, folder / SERVER_PUBLIC
    if secret.exists():
        read_key(public, secret=False)
        return False
    if public.exists():
        raise ConfigError(
            f"{public} is there and {secret} is not: nodes know the old key. Put the "
            f"secret back, or remove {folder} and make and hand out all keys anew"
        )
    made_public, made_secret = zmq.curve_keypair()
    _folder(folder, folder)
    _write(secret, made_secret, 0o600, folder)
    _write(public, made_public, 0o644, folder)
    return True


def make_node_keys(folder: Path, name: str) -> Path:
    """A node's pair: its public key is let in, the rest is to be taken to its host.

    Args:
        folder: Home's.
        name: Of the node, or of several that share a key.

    Returns:
        The folder to take there.

    Raises:
        ConfigError: It has a key already, the name is none, or nothing can be written.
    """
    good = 0 < len(name) <= MAX_NAME and is_name(name) and name == name.strip()
    if not good or "/" in name or name.startswith("."):
        raise ConfigError(
            f"{name!r:.70} is no name of a node: at most {MAX_NAME} characters, "
            "without / and without a dot or blank in front"
        )
    public, parcel = folder / NODES / f"{name}{PUBLIC}", folder / TO_NODES / name
    if public.exists():
        raise ConfigError(
            f"{name} has a key, {public}: name another one for a further node; for a "
            "new key remove that file first, and the node is shut out until it has it"
        )
    server = read_key(folder / SERVER_PUBLIC, secret=False)
    made_public, made_secret = zmq.curve_keypair()
    for place in (public.parent, parcel.parent, parcel):
        _folder(place, folder)
    for old in (parcel / NODE_SECRET, parcel / SERVER_PUBLIC):
        _remove(old)  # of a key that lets nobody in any more
    _write(parcel / NODE_SECRET, made_secret, 0o600, folder)
    _write(parcel / SERVER_PUBLIC, server, 0o644, folder)
    _write(public, made_public, 0o644, folder)
    return parcel


def read_home_keys(folder: Path) -> HomeKeys:
    """Home's pair, and all nodes that may take part.

    Raises:
        ConfigError: A key is missing or none, or others may read the secret.
    """
    secret = read_key(folder / SERVER_SECRET, secret=True)
    return HomeKeys(secret, zmq.curve_public(secret), read_nodes(folder))


def read_nodes(folder: Path) -> dict[bytes, str]:
    """Names of the nodes that may take part, by their public keys.

    Raises:
        ConfigError: A key is none.
    """
    files = sorted((folder / NODES).glob(f"*{PUBLIC}"))
    return {read_key(path, secret=False): path.name[: -len(PUBLIC)] for path in files}


def read_node_keys(folder: Path) -> NodeKeys:
    """A node's pair, and what home is known by.

    Raises:
        ConfigError: A key is missing or none, or others may read the secret.
    """
    secret = read_key(folder / NODE_SECRET, secret=True, cure=_TAKE)
    server = read_key(folder / SERVER_PUBLIC, secret=False, cure=_TAKE)
    return NodeKeys(secret, zmq.curve_public(secret), server)


def read_key(path: Path, *, secret: bool, cure: str = _MAKE) -> bytes:
    """A key in Z85.

    Args:
        path: Of its file.
        secret: Others than owner and group may not read it.
        cure: What to do where it is missing or none.

    Raises:
        ConfigError: It is not there, none, or readable by others.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()[: LENGTH + 10].strip()
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such key; {cure}") from error
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be read: {error}") from error
    if secret and mode & stat.S_IRWXO:
        raise ConfigError(f"{path}: everybody may read this secret; chmod 600 {path}")
    try:
        good = len(text) == LENGTH and len(z85.decode(text)) == 32
    except (ValueError, KeyError):
        good = False
    if not good:
        raise ConfigError(f"{path}: is no key of {LENGTH} characters (Z85); {cure}")
    return text


def _folder(path: Path, owner: Path) -> None:
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be made: {error}") from error
    _hand_over(path, owner)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be removed: {error}") from error


def _write(path: Path, key: bytes, mode: int, owner: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        place = os.open(path, flags, mode)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}") from error
    with os.fdopen(place, "wb") as file:
        file.write(key + b"\n")
    _hand_over(path, owner)


def _hand_over(path: Path, folder: Path) -> None:
    """Root makes keys for the user of the daemon, whose folder it is in."""
    if os.geteuid() != 0:
        return
    whose = folder.parent.stat()
    os.chown(path, whose.st_uid, whose.st_gid, follow_symlinks=False)
