"""Daemon and page under a real systemd, by their units as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import free_port
from tests.systemd_box import can_run, run_in_box

CONFIG = """
beamline = "id29"
mqtt = {{enabled = false}}
pool = {{workers = 1}}

web = {{port = {port}}}
"""
WATCH = """
show() {{ systemctl show "$1.service" -p "$2" --value; }}
until_so() {{
  n=0
  while [ "$(eval "$1")" != "$2" ] && [ $n -lt 900 ]; do n=$((n+1)); sleep 0.1; done
  echo "$3 $(eval "$1")"
}}
fetch() {{
  /opt/python/bin/python3 -c "
import json, urllib.request
print(json.load(urllib.request.urlopen('http://127.0.0.1:{port}/api/v1/$1'))$2)"
}}
export LD_LIBRARY_PATH=/opt/python/lib
until_so 'show recorder ActiveState' active daemon
until_so 'show recorder-web ActiveState' active page
until_so "fetch now \\"['daemon']\\"" ok hears
for unit in recorder recorder-web; do
  pid=$(show $unit MainPID)
  echo $unit $(grep -E '^(NoNewPrivs|Seccomp|CapEff|CapBnd):' /proc/$pid/status)
  echo $unit-user $(stat -c %u /proc/$pid)
done
kill -9 $(show recorder-web MainPID)
until_so 'show recorder-web NRestarts' 1 again
until_so 'show recorder-web ActiveState' active page-again
echo daemon-restarts $(show recorder NRestarts)
systemctl stop recorder-web.service
echo stopped $(show recorder-web ActiveState) $(show recorder-web Result)
"""


@pytest.mark.skipif(not can_run(), reason="needs root, namespaces and systemd")
def test_the_units_run_as_they_are(tmp_path: Path) -> None:
    """As one user without rights; the page is killed and comes again by itself."""
    port = free_port()
    units = ["recorder.service", "recorder-web.service"]
    text = CONFIG.format(port=port)
    lines = run_in_box(tmp_path, units, text, WATCH.format(port=port))
    told = dict(line.partition(" ")[::2] for line in lines)
    assert (told["daemon"], told["page"], told["hears"]) == ("active", "active", "ok")
    none = "0000000000000000"
    bare = f"CapEff: {none} CapBnd: {none} NoNewPrivs: 1 Seccomp: 2"
    assert (told["recorder"], told["recorder-web"]) == (bare, bare)
    assert told["recorder-user"] == told["recorder-web-user"] != "0"
    assert (told["again"], told["page-again"]) == ("1", "active")
    assert told["daemon-restarts"] == "0"
    assert told["stopped"] == "inactive success"


CLUSTER = """
beamline = "id29"
mqtt = {{enabled = false}}
pool = {{workers = 1}}
cluster = {{listen = "tcp://127.0.0.1:{port}"}}
"""
WATCH_NODE = """
show() {{ systemctl show "$1.service" -p "$2" --value; }}
until_so() {{
  n=0
  while [ "$(eval "$1")" != "$2" ] && [ $n -lt 300 ]; do n=$((n+1)); sleep 0.1; done
  echo "$3 $(eval "$1")"
}}
node=recorder-node@id29
here=/etc/recorder/node/id29
mkdir -p $here
printf 'RECORDER_NODE_CONNECT=tcp://127.0.0.1:{port}\\nRECORDER_NODE_WORKERS=1\\n' \
  > $here/environment
mkdir -p /run/units/$node.service.d
printf '[Service]\\nLoadCredential=\\n' > /run/units/$node.service.d/plain.conf
systemctl daemon-reload
systemctl reset-failed
systemctl restart $node.service
until_so 'show recorder ActiveState' active daemon
until_so 'show $node ActiveState' active node
until_so 'show $node StatusText' 'at home, 1 workers, 0 images' ready
pid=$(show $node MainPID)
echo bare $(grep -E '^(NoNewPrivs|Seccomp|CapEff|CapBnd):' /proc/$pid/status)
echo user $(stat -c %u /proc/$pid)
kill -9 $pid
until_so 'show $node NRestarts' 1 again
until_so 'show $node StatusText' 'at home, 1 workers, 0 images' ready-again
systemctl stop $node.service
echo stopped $(show $node ActiveState) $(show $node Result)
"""


@pytest.mark.skipif(not can_run(), reason="needs root, namespaces and systemd")
def test_a_node_runs_by_its_unit(tmp_path: Path) -> None:
    """On one host, so without keys, which the box cannot hand to its user."""
    port = free_port()
    units = ["recorder.service", "recorder-node@id29.service"]
    text, watch = CLUSTER.format(port=port), WATCH_NODE.format(port=port)
    lines = run_in_box(tmp_path, units, text, watch, timeout_s=100)
    told = dict(line.partition(" ")[::2] for line in lines)
    home = "at home, 1 workers, 0 images"
    assert (told["daemon"], told["node"], told["ready"]) == ("active", "active", home)
    none = "0000000000000000"
    assert told["bare"] == f"CapEff: {none} CapBnd: {none} NoNewPrivs: 1 Seccomp: 2"
    assert told["user"] != "0"
    assert (told["again"], told["ready-again"]) == ("1", home)
    assert told["stopped"] == "inactive success"
