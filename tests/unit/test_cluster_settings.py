"""Settings of other hosts, their keys, and what `recorder check` says of both."""

from __future__ import annotations

import os
import socket
import stat

import pytest
import zmq
from click.testing import CliRunner
from pydantic import ValidationError

from recorder.cli import cli
from recorder.config.cluster import ClusterSection
from recorder.errors import ConfigError, UsageError
from recorder.nodes.allowed import Allowed
from recorder.nodes.keys import (
    make_home_keys,
    make_node_keys,
    read_home_keys,
    read_node_keys,
    read_nodes,
)
from recorder.pool.backlog import Backlog
from recorder.pool.protocols import PullsDetectors
from recorder.pool.share import Share
from recorder.service.check_cluster import cluster_lines
from recorder.service.cluster import batch_place_of, cluster_of, require_engine


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"engine": "nodes"}, "needs an address"),
        ({"listen": "inproc://x"}, "no address that other hosts reach"),
        ({"listen": "tcp://*:9998"}, "* is no host"),
        ({"listen": "192.0.2.1:9998"}, "begins with tcp://"),
        ({"listen": "tcp://192.0.2.1"}, "host and a port"),
        ({"engine": "grid", "listen": "tcp://192.0.2.1:9"}, "no engine 'grid'"),
    ],
)
def test_what_cannot_be_is_said(changes, said):
    with pytest.raises(ValidationError, match=said.replace("*", r"\*")):
        ClusterSection(**changes)


@pytest.mark.parametrize(
    ("changes", "engine", "encrypted"),
    [
        ({}, None, False),
        ({"listen": "tcp://192.0.2.1:9998"}, "nodes", True),
        ({"listen": "tcp://0.0.0.0:9998"}, "nodes", True),
        ({"listen": "tcp://[fd00::1]:9998"}, "nodes", True),
        ({"listen": "tcp://beamline-host:9998"}, "nodes", True),
        ({"listen": "tcp://127.0.0.1:9998"}, "nodes", False),
        ({"listen": "tcp://[::1]:9998"}, "nodes", False),
        ({"listen": "ipc:///run/nodes"}, "nodes", False),
        ({"listen": "ipc:///run/nodes", "encrypt": True}, "nodes", True),
        ({"listen": "tcp://192.0.2.1:9998", "encrypt": False}, "nodes", False),
    ],
)
def test_encrypted_unless_nobody_else_can_connect(changes, engine, encrypted):
    section = ClusterSection(**changes)
    assert (section.engine_name, section.encrypted) == (engine, encrypted)


@pytest.mark.parametrize("live", [True, False])
async def test_a_replay_on_nodes_takes_no_image_from_a_detector(settings, live):
    """A replay has nobody to take them: they would be gone without a trace."""
    detector = {"name": "eiger", "endpoint": "tcp://127.0.0.1:9", "pulled_by": "nodes"}
    cluster = {"listen": "tcp://127.0.0.1:9998"}
    known = settings(detector=[detector], cluster=cluster, pool={"workers": 1})
    make = cluster_of(known, 2, live=live)
    assert make is not None
    hands = make(Share(Backlog(1), nodes=True))
    assert isinstance(hands, PullsDetectors)
    assert hands.pulled() == ({"eiger": False} if live else {})


def test_local_workers_stay_unless_said_twice(settings):
    listen = {"listen": "tcp://127.0.0.1:9998"}
    with pytest.raises(ValidationError, match=r"without_local_workers = true"):
        settings(cluster=listen, pool={"workers": 0})
    settings(cluster={**listen, "without_local_workers": True}, pool={"workers": 0})
    settings(cluster=listen, pool={"workers": 0, "engine": "inline"})
    settings(cluster=listen, pool={"workers": 1})


# -- keys ------------------------------------------------------------------------------


def test_keys_are_made_once_and_belong_together(tmp_path):
    folder = tmp_path / "cluster"
    assert make_home_keys(folder)
    assert not make_home_keys(folder), "the old ones stay"
    parcel = make_node_keys(folder, "host-b")
    home, node = read_home_keys(folder), read_node_keys(parcel)
    assert home.nodes == {node.public: "host-b"}
    assert node.server == home.public
    assert home.public == zmq.curve_public(home.secret)
    for secret in (folder / "server.secret", parcel / "node.secret"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert home.secret.decode() not in repr(home)
    assert node.secret.decode() not in repr(node)


@pytest.mark.parametrize("name", ["", " a", "../x", "a/b", ".hidden", "a\nb", "x" * 65])
def test_a_name_that_is_no_file_name_makes_no_key(tmp_path, name):
    make_home_keys(tmp_path)
    with pytest.raises(ConfigError, match="no name of a node"):
        make_node_keys(tmp_path, name)
    assert not (tmp_path / "nodes").exists()


def test_a_second_key_of_a_name_is_refused(tmp_path):
    make_home_keys(tmp_path)
    make_node_keys(tmp_path, "a")
    with pytest.raises(ConfigError, match="has a key"):
        make_node_keys(tmp_path, "a")


def test_a_name_has_a_new_key_once_the_old_one_is_out(tmp_path):
    """What was made for the node's host and never taken there is in nobody's way."""
    make_home_keys(tmp_path)
    old = read_node_keys(make_node_keys(tmp_path, "a"))
    (tmp_path / "nodes" / "a.public").unlink()
    new = read_node_keys(make_node_keys(tmp_path, "a"))
    assert new.public != old.public
    assert read_home_keys(tmp_path).nodes == {new.public: "a"}


def test_a_name_that_is_refused_costs_no_other_one(tmp_path):
    config = tmp_path / "recorder.toml"
    config.write_text(f'state_directory = "{tmp_path}"\n')
    start = ["cluster", "keys", "-c", str(config)]
    assert CliRunner().invoke(cli, [*start, "a"]).exit_code == 0
    found = CliRunner().invoke(cli, [*start, "b", "a", "x/y", "c", "b"])
    assert isinstance(found.exception, ConfigError)
    assert "a has a key" in str(found.exception)
    assert "'x/y' is no name" in str(found.exception)
    known = sorted(read_nodes(tmp_path / "cluster").values())
    assert known == ["a", "b", "c"]


def test_a_node_says_where_its_keys_come_from(tmp_path):
    """Home's own folder is the one that is named by mistake."""
    make_home_keys(tmp_path)
    with pytest.raises(ConfigError, match=r"node\.secret: no such key; .*at home"):
        read_node_keys(tmp_path)


@pytest.mark.parametrize(
    "address", ["tcp://0.0.0.0:9998", "tcp://[::]:9998", "inproc://x"]
)
def test_a_node_needs_an_address_that_can_be_reached(address):
    """`cluster.listen` as it stands at home is the one that is copied by mistake."""
    found = CliRunner().invoke(cli, ["node", "--connect", address])
    assert isinstance(found.exception, UsageError)
    assert "this host reaches home" in str(found.exception)


def test_half_a_pair_is_not_made_whole(tmp_path):
    """Else nodes would wait for a home that has another key."""
    make_home_keys(tmp_path)
    (tmp_path / "server.secret").unlink()
    with pytest.raises(ConfigError, match="nodes know the old key"):
        make_home_keys(tmp_path)


@pytest.mark.parametrize("text", [b"", b"x" * 39, b"x" * 41, b"\xff" * 40, b'"' * 40])
def test_what_is_no_key_is_named(tmp_path, text):
    make_home_keys(tmp_path)
    path = tmp_path / "server.secret"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=r"server\.secret: is no key"):
        read_home_keys(tmp_path)


def test_a_secret_that_everybody_reads_is_refused(tmp_path):
    make_home_keys(tmp_path)
    (tmp_path / "server.secret").chmod(0o604)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_home_keys(tmp_path)


def test_a_key_is_let_in_and_shut_out_while_home_runs(tmp_path, log_events):
    make_home_keys(tmp_path)
    make_node_keys(tmp_path, "a")
    allowed = Allowed(tmp_path, read_nodes(tmp_path))
    (first,) = read_nodes(tmp_path)
    assert first in allowed
    assert b"x" * 40 not in allowed
    make_node_keys(tmp_path, "b")
    second = next(key for key, name in read_nodes(tmp_path).items() if name == "b")
    assert second in allowed
    (tmp_path / "nodes" / "a.public").unlink()
    assert first not in allowed


@pytest.mark.allow_error_log("node_keys_unreadable")
def test_a_key_that_cannot_be_read_shuts_nobody_out(tmp_path, log_events):
    make_home_keys(tmp_path)
    make_node_keys(tmp_path, "a")
    known = read_nodes(tmp_path)
    allowed = Allowed(tmp_path, known)
    (tmp_path / "nodes" / "b.public").write_text("nonsense")
    assert next(iter(known)) in allowed
    assert [event["event"] for event in log_events] == ["node_keys_unreadable"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_makes_keys_for_the_user_of_the_folder(tmp_path):
    os.chown(tmp_path, 12345, 12346)
    make_home_keys(tmp_path / "cluster")
    make_node_keys(tmp_path / "cluster", "a")
    for path in (tmp_path / "cluster").rglob("*"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346), path


# -- what check says -------------------------------------------------------------------


def words(settings) -> dict[str, tuple[str, str]]:
    return {line.what: (line.word, line.text) for line in cluster_lines(settings)}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_check_is_silent_without_other_hosts(settings):
    assert cluster_lines(settings()) == []


def test_check_of_this_host_only(settings):
    listen = f"tcp://127.0.0.1:{free_port()}"
    found = words(settings(cluster={"listen": listen}, pool={"workers": 1}))
    assert found["cluster"] == ("ok", f"nodes connect to {listen}, nobody listens yet")
    assert found["cluster keys"][0] == "ok"
    assert "cluster nodes" not in found, "no daemon runs"


def test_check_names_an_address_of_another_host(settings):
    cluster = {"listen": "tcp://192.0.2.1:9998", "encrypt": False}
    found = words(settings(cluster=cluster, pool={"workers": 1}))
    assert found["cluster"][0] == "FAIL"
    assert "an address of this host" in found["cluster"][1]
    assert found["cluster keys"][0] == "warn"
    assert "cluster.encrypt = false" in found["cluster keys"][1]


def test_check_counts_the_keys(settings, tmp_path):
    cluster = {"listen": f"tcp://127.0.0.1:{free_port()}", "encrypt": True}
    made = settings(cluster=cluster, pool={"workers": 1})
    word, text = words(made)["cluster keys"]
    assert (word, "recorder cluster keys" in text) == ("FAIL", True)
    make_home_keys(made.cluster_keys)
    assert words(made)["cluster keys"][0] == "warn"
    make_node_keys(made.cluster_keys, "host-b")
    assert words(made)["cluster keys"] == ("ok", "1 known: host-b")


def test_check_names_settings_without_effect(settings):
    """Else a recorder that nobody helps looks as one that is helped."""
    alone = settings(cluster={"scheduler": "tcp://127.0.0.1:8786"})
    word, text = words(alone)["cluster settings"]
    assert (word, "scheduler; set cluster.listen" in text) == ("warn", True)
    listen = {"listen": f"tcp://127.0.0.1:{free_port()}"}
    scheduler = {"scheduler": "tcp://127.0.0.1:8786"}
    found = words(settings(cluster={**listen, **scheduler}, pool={"workers": 1}))
    assert "scheduler; set cluster.engine" in found["cluster settings"][1]
    full = {**listen, **scheduler, "engine": "dask"}
    found = words(settings(cluster=full, pool={"workers": 1}))
    assert "cluster settings" not in found


def test_an_engine_without_an_address_does_batches_alone(settings):
    """Whoever replays nights on other hosts need not listen for nodes."""
    pytest.importorskip("distributed")
    scheduler = {"engine": "dask", "scheduler": "tcp://127.0.0.1:8786"}
    made = settings(cluster=scheduler, pool={"workers": 1})
    assert cluster_of(made, 2) is None
    word, text = words(made)["cluster"]
    assert (word, "does batches" in text) == ("ok", True)
    assert "cluster settings" not in words(made)
    assert batch_place_of(made) is not None
    with pytest.raises(ConfigError, match=r"set cluster.listen"):
        require_engine(made)
    for nobody in (settings(), settings(cluster={"scheduler": "tcp://127.0.0.1:1"})):
        with pytest.raises(ConfigError, match=r"set cluster.engine"):
            batch_place_of(nobody)
    keys = settings(cluster={**scheduler, "encrypt": True}, pool={"workers": 1})
    assert "encrypt; set cluster.listen" in words(keys)["cluster settings"][1]


def test_status_looks_where_start_was_told_to(tmp_path):
    """Until its lines are in the configuration nothing else says where."""
    pytest.importorskip("distributed")
    config = tmp_path / "recorder.toml"
    config.write_text(f'state_directory = "{tmp_path}"\n')
    port = str(free_port())
    found = CliRunner().invoke(
        cli, ["cluster", "status", "--port", port, "-c", str(config)]
    )
    assert found.exit_code == 1
    assert f"tls://127.0.0.1:{port}: Connection refused" in found.output
