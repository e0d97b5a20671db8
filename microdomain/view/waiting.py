"""What a visitor sees until the page is served: its name.

Loading the server takes half a second, more on a busy machine.  A small server of Python's own answers on
the same socket meanwhile, to the same visitors: `guard` decides here, too.  Its page asks again until
somebody else answers, and then loads what that one has.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microdomain.view.guard import Guard

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>microdomain</title>
<link rel="icon" href="data:,"></head>
<body style="margin:0;padding:24px;font:16px sans-serif;color:#303030;background:white">
<div>microdomain: <b>%(name)s</b></div><p id="words">The page is being opened ...</p>
<script>
async function ask() {
  try {
    const answer = await fetch("waiting", {cache: "no-store"});
    if (answer.headers.get("X-Microdomain") !== "opening") return location.reload();
    setTimeout(ask, 40);
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
            self._send(200, "text/plain", b"")
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
    Waiting
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
