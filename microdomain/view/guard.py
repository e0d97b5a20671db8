"""Who may see the page: this machine, who knows the token, and only stores of the folder given.

A page on 127.0.0.1 can be asked for by any web site that the same browser has open, and by any user of the
same machine.  So every request needs the token, in its address or in the cookie that the first one sets; the
Host header must be this address, which stops sites that resolve their own name to 127.0.0.1; and a socket
must have been opened by this page.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"


class Guard:
    """Decides about requests.

    Parameters
    ----------
    port : int
    shelf : Shelf                 the stores that may be asked for
    token : str, optional         a random one unless given
    """

    def __init__(self, port: int, shelf: Shelf, token: str | None = None) -> None:
        self.port, self.shelf = port, shelf
        self.token = secrets.token_urlsafe(24) if token is None else token
        # Browsers share cookies between ports: two pages at once must not undo each other.
        self.cookie = f"microdomain-{port}"

    @property
    def url(self) -> str:
        """Address of the page, token included."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def refusal(self, headers: Any, query: str) -> str:
        """Why a request is refused; empty where it is not.

        Parameters
        ----------
        headers : mapping             Host, Cookie and Origin matter
        query : str                   behind the question mark

        Returns
        -------
        str
        """
        places = (f"{HOST}:{self.port}", f"localhost:{self.port}")
        if headers.get("Host", "") not in places:
            return "This page answers to 127.0.0.1 only."
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc not in places:
            return "This page was asked for by another one."
        asked = parse_qs(query)
        if not any(self._knows(each) for each in (*asked.get("token", []), self._cookie_of(headers))):
            return "Open the address that `microdomain view` printed: it carries a token."
        for name in asked.get("store", []):
            try:
                self.shelf.find(name)
            except ValueError as error:
                return str(error)
        return ""

    def _knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())

    def _cookie_of(self, headers: Any) -> str:
        try:
            found = SimpleCookie(headers.get("Cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    def middleware(self) -> Any:
        """The guard as aiohttp wants it: 403 instead of a page, a cookie with every page."""
        from importlib import import_module

        web: Any = import_module("aiohttp.web")

        async def check(request: Any, handler: Callable[..., Any]) -> Any:
            reason = self.refusal(request.headers, request.query_string)
            if reason:
                return web.Response(status=403, text=reason)
            try:
                response = await handler(request)
            except web.HTTPException as redirect:
                redirect.headers.extend(self.headers(request.query_string))
                raise
            if not response.prepared:
                response.headers.extend(self.headers(request.query_string))
            return response

        return web.middleware(check)

    def headers(self, query: str) -> dict[str, str]:
        """Headers of an answer: who came with the token gets it as a cookie.

        Parameters
        ----------
        query : str                   behind the question mark

        Returns
        -------
        dict
        """
        headers = {"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
        if any(self._knows(each) for each in parse_qs(query).get("token", [])):
            headers["Set-Cookie"] = f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
        return headers


class Shelf:
    """The stores that a page may show: one, or those in a folder.

    Parameters
    ----------
    path : str or Path            a store, or a folder of stores

    Raises
    ------
    FileNotFoundError             there is nothing
    ValueError                    a folder without stores
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"There is nothing at '{path}'.")
        self.single = (path / "zarr.json").is_file()
        self.folder = path.resolve().parent if self.single else path.resolve()
        self._given = path
        self.names = [path.resolve().name] if self.single else self._stores()
        if not self.names:
            raise ValueError(f"'{path}' holds no result: give a store, or a folder of stores.")

    def _stores(self) -> list[str]:
        if not self._given.is_dir():
            return []
        return sorted(p.parent.name for p in self.folder.glob("*/zarr.json"))

    def find(self, name: str) -> Path:
        """The path of a store by its name.

        Parameters
        ----------
        name : str

        Returns
        -------
        Path

        Raises
        ------
        ValueError                it is outside the folder given, or no store
        """
        path = (self.folder / name).resolve()
        inside = path.parent == self.folder
        if not inside or (self.single and path.name != self.names[0]):
            raise ValueError(f"The store '{name}' is outside what this page was given.")
        if path.name not in self.names:
            raise ValueError(f"There is no store '{name}'; there are {', '.join(self.names)}.")
        return path
