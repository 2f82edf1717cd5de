"""A real systemd as process 1 of namespaces of its own, with our units as they are.

Its ``/run``, ``/var/lib`` and ``/opt`` are new, and ``/etc`` is written over; programs
and the network are this host's. Whatever it starts ends with it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import site
import subprocess
import sys
import time
from pathlib import Path

SYSTEMD = Path("/usr/lib/systemd/systemd")
REPOSITORY = Path(__file__).parents[1]
SPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--mount-proc")
TARGETS = ("sysinit", "basic", "shutdown", "umount", "multi-user", "network-online")
"""Units of a host that ours name; here there is nothing in them."""
_BOX = r"""
set -e
mount --make-rprivate /
for place in /run /var/lib /mnt; do mount -t tmpfs tmpfs $place; done
mkdir -p /mnt/upper /mnt/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
mount -t tmpfs -o mode=755 tmpfs /opt
mkdir -p /opt/python /opt/src /opt/site /opt/recorder/bin /etc/recorder
mkdir -p /run/units /run/systemd
mount --bind "$BASE" /opt/python
mount --bind "$SOURCE" /opt/src
mount --bind "$SITE" /opt/site
cp "$BOX/recorder" /opt/recorder/bin/
cp "$BOX"/*.toml /etc/recorder/
cp -r "$BOX"/units/* /run/units/
export container=nspawn SYSTEMD_UNIT_PATH=/run/units
exec "$SYSTEMD" --system --unit=default.target --log-target=console
"""
_PROGRAM = f"""#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/src:/opt/site
export PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/python{sys.version_info[0]}.{sys.version_info[1]} -m recorder "$@"
"""
_WATCH = """[Unit]
DefaultDependencies=no
After={after}
[Service]
Type=oneshot
Environment=PATH=/usr/sbin:/usr/bin:/sbin:/bin
StandardOutput=file:{box}/told
StandardError=append:{box}/wrong
ExecStart=/bin/sh {box}/watch
"""
_NOTHING = "[Unit]\nDefaultDependencies=no\n"


def can_run() -> bool:
    """Whether this host lets us."""
    if os.geteuid() != 0 or not SYSTEMD.exists() or shutil.which("unshare") is None:
        return False
    done = subprocess.run(
        ["unshare", *SPACES, "true"], capture_output=True, check=False
    )
    return done.returncode == 0


def run_in_box(
    box: Path, units: list[str], config: str, watch: str, timeout_s: float = 60
) -> list[str]:
    """What a script says while units run.

    Args:
        box: Folder for what is made.
        units: Of the repository, or instances; they are started in this order.
        config: Text of ``/etc/recorder/recorder.toml``.
        watch: The script, for ``sh``; it begins once the units run.
        timeout_s: When it must have ended.
    """
    folder = box / "units"
    folder.mkdir()
    for name in units:
        template = re.sub("@.+[.]", "@.", name)
        shutil.copy(REPOSITORY / "systemd" / template, folder / name)
        more = folder / f"{name}.d"
        more.mkdir()
        (more / "log.conf").write_text(f"[Service]\nStandardError=file:{box}/log\n")
    for name in TARGETS:
        (folder / f"{name}.target").write_text(_NOTHING)
    wants = " ".join([*units, "watch.service"])
    (folder / "default.target").write_text(f"{_NOTHING}Wants={wants}\n")
    after = " ".join(units)
    (folder / "watch.service").write_text(_WATCH.format(after=after, box=box))
    (box / "recorder.toml").write_text(config)
    (box / "recorder").write_text(_PROGRAM)
    (box / "recorder").chmod(0o755)
    (box / "watch").write_text(f"{watch}\necho ended\n")
    (box / "make").write_text(_BOX)
    environment = {
        **os.environ,
        "BASE": sys.base_prefix,
        "SOURCE": str(REPOSITORY),
        "SITE": site.getsitepackages()[0],
        "BOX": str(box),
        "SYSTEMD": str(SYSTEMD),
    }
    with (box / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--kill-child", *SPACES, "sh", str(box / "make")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            return _told(box, process, timeout_s)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _told(box: Path, process: subprocess.Popen[bytes], timeout_s: float) -> list[str]:
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends and process.poll() is None:
        told = box / "told"
        lines = told.read_text().splitlines() if told.exists() else []
        if lines and lines[-1] == "ended":
            return lines
        time.sleep(0.1)
    texts = [
        p.read_text() for name in ("log", "told", "wrong") if (p := box / name).exists()
    ]
    raise AssertionError("\n".join(texts)[-3000:])
