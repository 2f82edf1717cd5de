"""Listens, serves, and ends within a second whatever clients do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

from starlette.types import ASGIApp
from uvicorn import Config, Server

from recorder import __version__
from recorder.errors import ConfigError
from recorder.runtime.log import get_logger
from recorder.runtime.systemd import notify
from recorder.web.app import make_app
from recorder.web.connections import SPARE, BoundedHttp
from recorder.web.place import WebPlace
from recorder.web.pyispyb.ui import UiPlace, ui_app, ui_origins
from recorder.web.safe import check_safe
from recorder.web.tls import ServerTls

log = get_logger("web")

END_S = 0.5
"""Seconds after the signal to end, then connections that still send are cut."""
FIRST_LOOK_S = 2.0
"""Seconds to wait for the first look before listening: a slow disk does not keep the
page from coming. Chosen, not tuned."""
KEEP_ALIVE_S = 15
"""Seconds that a connection may wait for its next request: a page that fetches every
few seconds keeps its own. Chosen, not tuned."""
BACKLOG = 512
"""Connections that the kernel holds until they are taken. Chosen, not tuned."""
FILES = 64
"""Open files beside those of connections: journals, pictures, logs. Chosen, not
tuned."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigError: The address is not there, or is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; is a "
            "`recorder web` running already? Give another web.host or web.port "
            "(--port); for py-ISPyB's page --ui-port"
        ) from error
    return found


def address_of(sock: socket.socket, *, tls: bool = False) -> str:
    """The URL of the page."""
    host, port = sock.getsockname()[:2]
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"https://{place}/" if tls else f"http://{place}/"


async def serve(
    place: WebPlace, say: Callable[[str], None], ui: UiPlace | None = None
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        place: What is served.
        say: Is told the address, once it answers.
        ui: A build of py-ISPyB's page to serve as well.

    Raises:
        ConfigError: It cannot listen there, or must not.
    """
    web = place.settings.web
    check_safe(web)
    tls = ServerTls(web.cert_file, web.key_file) if web.cert_file else None
    ui_sock = None if ui is None else listen(web.host, ui.port)
    if ui_sock is not None:
        place = _sharing(place, ui_sock.getsockname()[1])
    app = make_app(place)
    sock = listen(web.host, web.port)
    most = _room_for(web.max_clients + SPARE)
    BoundedHttp.most = most
    server = _Server(_config(app.asgi, tls))
    socks = {server: sock}
    if ui is not None and ui_sock is not None:
        page = ui_app(place.settings, ui.folder, sock.getsockname()[1])
        socks[_Server(_config(page, tls))] = ui_sock
    loop = asyncio.get_running_loop()

    def end() -> None:
        app.feed.stop()
        for one in socks:
            one.should_exit = True
            loop.call_later(END_S, one.cut)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, tls.again if tls else _nothing)
    app.feed.start(loop)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(app.feed.first.wait(), FIRST_LOOK_S)
    address = address_of(sock, tls=tls is not None)
    page_at = None if ui_sock is None else address_of(ui_sock, tls=tls is not None)
    server.on_started = lambda: _ready(address, page_at, say)
    try:
        await asyncio.gather(*(one.serve(sockets=[s]) for one, s in socks.items()))
    finally:
        notify("STOPPING=1")
        app.feed.stop()
        app.reading.close()
        app.views.close()
        app.pyispyb.close()
        if app.sign_in is not None:
            await app.sign_in.close()
        log.info("web_stopped")


def _nothing() -> None:
    """What SIGHUP does where there is nothing to read again."""


def _sharing(place: WebPlace, ui_port: int) -> WebPlace:
    """The same, whose API the page at a port may use."""
    web = place.settings.web
    known = dict.fromkeys((*web.pyispyb.origins, *ui_origins(place.settings, ui_port)))
    section = web.pyispyb.model_copy(update={"origins": tuple(known)})
    changed = web.model_copy(update={"pyispyb": section})
    settings = place.settings.model_copy(update={"web": changed})
    return replace(place, settings=settings)


def _ready(address: str, ui: str | None, say: Callable[[str], None]) -> None:
    log.info("web_ready", address=address, version=__version__)
    if ui is not None:
        log.info("pyispyb_ui_ready", address=ui)
        say(ui)
    say(address)
    notify(f"READY=1\nSTATUS={address}")


def _room_for(connections: int) -> int:
    """Have files enough, if the host lets us; how many connections there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # the unit may forbid it
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return max(1, min(connections, soft - FILES))


def _config(app: ASGIApp, tls: ServerTls | None) -> Config:
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # clients must not fill it
    found = Config(
        app,
        http=BoundedHttp,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    found.load()
    found.ssl = None if tls is None else tls.context
    return found


class _Server(Server):
    """Leaves signals to us, and says when it answers."""

    on_started: Callable[[], None] = staticmethod(lambda: None)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the caller has its own handlers."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base class, then say so."""
        await super().startup(sockets)
        self.on_started()

    def cut(self) -> None:
        """End the connections that are left."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
