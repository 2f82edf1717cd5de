"""Other hosts: can nodes connect, which keys are known, which nodes are there now."""

from __future__ import annotations

import errno

import zmq

from recorder.config import Settings
from recorder.config.cluster import ClusterSection, stays_here
from recorder.config.endpoints import parse_endpoint
from recorder.errors import ConfigError
from recorder.nodes.keys import read_home_keys
from recorder.records import CheckLine, Json
from recorder.runtime.addresses import only_ipv6
from recorder.runtime.status_file import NAME, is_process, read_status

OF_AN_ENGINE = frozenset({"scheduler", "tls"})
"""Settings for an engine that starts nodes itself."""


def cluster_lines(settings: Settings) -> list[CheckLine]:
    """What is found of other hosts; nothing where none is to take part."""
    listen = settings.cluster.listen
    idle = _idle(settings)
    if listen is None:
        return [*_batches(settings), *idle]
    sign = _sign(settings)
    lines = [_address(listen, bool(sign)), _keys(settings), *idle]
    if sign:
        lines.append(_nodes(sign))
    return lines


def _batches(settings: Settings) -> list[CheckLine]:
    """What an engine is for that has no address for nodes."""
    if (name := settings.cluster.batch_engine_name) is None:
        return []
    text = (
        f"engine {name} does batches (replay --cluster); what is recorded is classified"
        " on this host, because cluster.listen is not set"
    )
    return [CheckLine("cluster", True, text)]


def _idle(settings: Settings) -> list[CheckLine]:
    """Settings without effect: somebody expects one of them."""
    section, unset = settings.cluster, ClusterSection()
    if section.batch_engine_name is None:
        looked, cure = set(ClusterSection.model_fields), "cluster.listen"
    elif section.listen is None:
        looked = set(ClusterSection.model_fields) - {"engine", *OF_AN_ENGINE}
        cure = "cluster.listen"
    elif section.engine_name == "nodes":
        looked, cure = set(OF_AN_ENGINE), "cluster.engine"
    else:
        return []
    names = sorted(n for n in looked if getattr(section, n) != getattr(unset, n))
    if not names:
        return []
    text = f"without effect: {', '.join(names)}; set {cure}, or leave them out"
    return [CheckLine("cluster settings", True, text, warning=True)]


def _sign(settings: Settings) -> Json:
    """The sign of life of the daemon; empty if none runs."""
    try:
        sign = read_status(settings.state_directory / NAME) or {}
    except OSError:
        return {}
    return sign if is_process(sign) and sign.get("command") == "run" else {}


def _address(listen: str, running: bool) -> CheckLine:
    """Whether the address can be listened at; it is let go of at once."""
    peer = parse_endpoint(listen)
    if peer.scheme != "tcp":
        return CheckLine("cluster", True, f"nodes of this host connect to {listen}")
    context = zmq.Context()
    try:
        with context.socket(zmq.ROUTER) as socket:
            socket.ipv6 = only_ipv6(peer.host)
            socket.bind(listen)
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE and running:
            return CheckLine("cluster", True, f"the daemon listens at {listen}")
        text = (
            f"nothing can listen at {listen}: {error}; cluster.listen is an address of "
            "this host with a port that is free"
        )
        return CheckLine("cluster", False, text)
    finally:
        context.destroy(linger=0)
    return CheckLine("cluster", True, f"nodes connect to {listen}, nobody listens yet")


def _keys(settings: Settings) -> CheckLine:
    what, section = "cluster keys", settings.cluster
    if not section.encrypted:
        if section.listen is None or stays_here(parse_endpoint(section.listen)):
            return CheckLine(what, True, "not needed: only this host can connect")
        text = (
            f"cluster.encrypt = false: whoever reaches {section.listen} reads images "
            "and can send results; leave it out, unless the network is encrypted itself"
        )
        return CheckLine(what, True, text, warning=True)
    try:
        names = sorted(read_home_keys(settings.cluster_keys).nodes.values())
    except ConfigError as error:
        return CheckLine(what, False, str(error))
    if not names:
        text = "no node has a key: make them with `recorder cluster keys NAME`"
        return CheckLine(what, True, text, warning=True)
    return CheckLine(what, True, f"{len(names)} known: {', '.join(names)}")


def _nodes(sign: Json) -> CheckLine:
    """What the daemon said last of its nodes."""
    nodes = sign.get("nodes") or []
    if not nodes:
        text = "the daemon runs, and no node has come: see `recorder node --connect`"
        return CheckLine("cluster nodes", True, text, warning=True)
    bad = [node for node in nodes if node.get("problem")]
    text = f"{len(nodes) - len(bad)} of {len(nodes)} well" + "".join(
        f"; {node.get('name')}: {node['problem']}" for node in bad
    )
    return CheckLine("cluster nodes", True, text, warning=bool(bad))
