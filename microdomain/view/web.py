"""The server of the page in the browser: this machine only, its address printed before anything is loaded.

`guard` says who may see the page, `waiting` answers until it is made, `page` is what it does, `stage` what is
drawn.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from microdomain.view import gl
from microdomain.view.guard import HOST, Guard, Shelf
from microdomain.view.waiting import waiting_on


def absent() -> str:
    """What a page needs and is not installed; an empty text where all is there.

    Returns
    -------
    str                           one sentence with what to install, or ""
    """
    names = [name for name in ("pyvista", "trame", "trame_vtk", "trame_vuetify") if find_spec(name) is None]
    needs = f'The page in the browser needs {", ".join(names)}: pip install "microdomain[web]"'
    return needs if names else ""


def listen(port: int) -> socket.socket:
    """A socket of this machine that visitors can knock at while the page is still being made.

    Parameters
    ----------
    port : int                    0: any that is free

    Returns
    -------
    socket

    Raises
    ------
    RuntimeError                  the port is taken
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((HOST, port))
    except OSError as error:
        held.close()
        raise RuntimeError(f"Port {port} cannot be used: {error.strerror}. Give another --port.") from error
    held.listen()
    return held


def serve(path: str | Path, port: int = 0, browser: bool = True, say: Callable[[str], None] = print) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    path : str or Path            a store, or a folder of stores
    port : int                    0: any that is free
    browser : bool                open the page in the default browser
    say : callable                is told the address

    Raises
    ------
    FileNotFoundError, ValueError nothing there, or no result
    RuntimeError                  what a page needs is not installed; the port is taken; VTK cannot draw here
    """
    shelf = Shelf(path)
    if absent():
        raise RuntimeError(absent())
    with listen(port) as held:
        guard = Guard(held.getsockname()[1], shelf)
        with waiting_on(held, guard):
            say(guard.url)
            if browser:
                import webbrowser

                Thread(target=webbrowser.open, args=(guard.url,), daemon=True).start()
            # Whether VTK can draw is asked of a child process while everything else is loaded.
            Thread(target=gl.missing, daemon=True).start()
            from microdomain.view.page import Page

            page = Page(shelf, guard)
        page.server.controller.on_server_bind.add(
            lambda server: server.app.middlewares.append(guard.middleware())
        )
        with _on_socket(held):
            page.server.start(
                port=guard.port, host=HOST, open_browser=False, show_connection_info=False, timeout=0
            )
        if page.wrong is not None:
            raise page.wrong


@contextmanager
def _on_socket(held: socket.socket) -> Iterator[None]:
    """Inside, aiohttp serves on a socket that listens already; trame can only be told a port."""
    web: Any = import_module("aiohttp.web")
    own = web.TCPSite
    web.TCPSite = lambda runner, host=None, port=None, **_: web.SockSite(runner, held)
    try:
        yield
    finally:
        web.TCPSite = own
