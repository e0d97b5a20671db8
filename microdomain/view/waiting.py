"""What a visitor sees until the page is there: its name at once, its first picture as soon as that is drawn.

Loading VTK, xarray and the server takes seconds on a busy machine.  A small server of Python's own
answers on the same socket meanwhile, to the same visitors: `guard` decides here, too.  Its page asks
again until somebody else answers, and then loads what that one has.
"""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from microdomain.results import Results
    from microdomain.view.guard import Guard

#: Pixels along the longer side of the first picture; the browser draws it larger.
PIXELS = 320
PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>microdomain</title>
<link rel="icon" href="data:,"></head>
<body style="margin:0;padding:24px;font:16px sans-serif;color:#303030;background:white">
<div>microdomain: <b>%(name)s</b></div><p id="words">The page is being opened ...</p>
<img id="first" alt="" style="display:none;width:min(70vw,75vh);image-rendering:auto">
<script>
async function ask() {
  try {
    const answer = await fetch("waiting", {cache: "no-store"});
    if (answer.headers.get("X-Microdomain") !== "opening") return location.reload();
    const now = await answer.json(), first = document.getElementById("first");
    if (now.title && !first.src) {
      first.src = "first.png"; first.style.display = "block";
      document.getElementById("words").textContent = now.title;
    }
    setTimeout(ask, 150);
  } catch (error) {
    document.getElementById("words").textContent =
      "microdomain view has ended; its terminal says why.";
  }
}
ask();
</script></body></html>"""


class Waiting(ThreadingHTTPServer):
    """Answers on a socket until the page itself does.

    Parameters
    ----------
    held : socket                 listens already
    guard : Guard
    """

    daemon_threads = True

    def __init__(self, held: socket.socket, guard: Guard) -> None:
        super().__init__(held.getsockname(), _Answer, bind_and_activate=False)
        self.socket.close()
        self.socket = held
        self.guard = guard
        self.over = False
        self.title, self.first = "", b""

    def show(self, title: str, picture: bytes) -> None:
        """Have a first picture (PNG) to show."""
        self.first = picture
        self.title = title


class _Answer(BaseHTTPRequestHandler):
    #: Seconds that a browser may hold a connection open without asking anything.
    timeout = 5.0
    server: Waiting

    def do_GET(self) -> None:
        waiting, (path, _, query) = self.server, self.path.partition("?")
        reason = waiting.guard.refusal(self.headers, query)
        if reason:
            self._send(403, "text/plain; charset=utf-8", reason.encode())
        elif waiting.over:  # this connection was opened early; the next one meets the page
            self._send(307, "text/plain", b"", Location=self.path)
        elif path in ("/", "/index.html"):
            page = PAGE % {"name": escape(waiting.guard.shelf.names[0])}
            self._send(200, "text/html; charset=utf-8", page.encode(), **waiting.guard.headers(query))
        elif path == "/waiting":
            self._send(200, "application/json", json.dumps({"title": waiting.title}).encode())
        elif path == "/first.png" and waiting.first:
            self._send(200, "image/png", waiting.first)
        else:
            self._send(503, "text/plain", b"The page is still being opened; ask again in a second.")

    def _send(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.send_header("X-Microdomain", "opening")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal is the person's."""


@contextmanager
def waiting_on(held: socket.socket, guard: Guard) -> Iterator[Waiting]:
    """Inside, visitors of a socket are told to wait; the socket stays open.

    Parameters
    ----------
    held : socket                 listens already
    guard : Guard

    Yields
    ------
    Waiting                       to `show` them a first picture
    """
    door = Waiting(held, guard)
    answering = Thread(target=lambda: door.serve_forever(poll_interval=0.02), daemon=True)
    answering.start()
    try:
        yield door
    finally:
        door.over = True
        door.shutdown()
        answering.join()


def first_picture(results: Results) -> tuple[str, bytes]:
    """The slice that the page begins with, as a flat picture, without VTK.

    Parameters
    ----------
    results : Results

    Returns
    -------
    (title, PNG)
    """
    from matplotlib import colormaps
    from PIL import Image

    from microdomain.view import colours
    from microdomain.view.fields import field_of
    from microdomain.view.lattice import Lattice
    from microdomain.view.plane import frame_time, membrane_of, span_of, staged

    axis, level = membrane_of(results, 0)
    field, time = field_of(results.model, None, results.dataset.data_vars), frame_time(results, None)
    box = results.model.box
    size = max(b - a for k, (a, b) in enumerate(box) if k != axis)
    axes = [np.linspace(a, b, max(2, round(PIXELS * (b - a) / size))) for a, b in box]
    axes[axis] = np.array([level])
    values = Lattice(results, axes, 0).of(field, time)
    drawn = (np.zeros((values.size, 3)), None, values.ravel())
    plane = staged(results, field, drawn, axis, level, time, 0, span_of(results, field, 0, values))
    low, high = plane.shade(plane.limits)
    part = (plane.shade(values.squeeze(2 - axis)) - low) / (high - low)
    shades = colormaps[colours.map_of(plane)](np.clip(part[::-1], 0.0, 1.0), bytes=True)
    held = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shades[:, :, :3])).save(held, format="png")
    return colours.title_of(plane), held.getvalue()
