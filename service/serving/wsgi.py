"""Requests for a WSGI application, which answers them in threads."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from service.serving.messages import Answer, Request, plain_answer

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

MAX_WAITING = 100
"""Requests that wait for a thread. More are told to come back later."""


class Gateway:
    """Asks the application. Requests for the reserved paths have a thread that nobody else can keep busy."""

    def __init__(self, app: Application, threads: int, reserved: Collection[str] = ()) -> None:
        self._app = app
        self._reserved_paths = frozenset(reserved)
        self._reserved = ThreadPoolExecutor(1, "reserved")
        self._threads = ThreadPoolExecutor(threads, "web")
        self._most = threads + MAX_WAITING
        self._running = 0

    async def answer(self, request: Request) -> Answer:
        """The application's answer."""
        started = time.monotonic()
        environ = environment(request)
        if environ is None:
            return plain_answer("400 Bad Request", "There is no such address.")
        answer = await self._ask(environ)
        logger.debug(
            '%s "%s %s HTTP/%s" %s, %s bytes, %.3f s',
            *(request.client[0], request.method, request.target, request.version),
            *(answer.status.partition(" ")[0], len(answer.body), time.monotonic() - started),
        )
        return answer

    def close(self) -> None:
        """Starts nothing more. What is running is not waited for."""
        for pool in (self._reserved, self._threads):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, environ: Environ) -> Answer:
        loop = asyncio.get_running_loop()
        if environ["PATH_INFO"] in self._reserved_paths:
            return await loop.run_in_executor(self._reserved, run, self._app, environ)
        if self._running >= self._most:
            return plain_answer("503 Service Unavailable", "Too many requests are waiting.")
        self._running += 1
        try:
            return await loop.run_in_executor(self._threads, run, self._app, environ)
        finally:
            self._running -= 1


def environment(request: Request) -> Environ | None:
    """The environment of a request (PEP 3333). None if its target is no path.

    Headers with underscores are left out: they would pass for others, with hyphens.
    """
    target = request.target
    if not target.startswith("/"):
        # An absolute URL, as for a proxy. Everything else (`*`, `host:port`) is for proxies only.
        if not target.lower().startswith(("http://", "https://")):
            return None
        parts = urlsplit(target)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path, _, query = target.partition("?")
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.target,
        "REMOTE_ADDR": request.client[0],
        "REMOTE_PORT": str(request.client[1]),
        "SERVER_NAME": request.server[0],
        "SERVER_PORT": str(request.server[1]),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("ascii").upper(), raw_value.decode("latin-1")
        if "_" in name or name in ("CONTENT-LENGTH", "TRANSFER-ENCODING"):
            continue
        key = "CONTENT_TYPE" if name == "CONTENT-TYPE" else f"HTTP_{name.replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if request.body_length:
        environ["CONTENT_LENGTH"] = str(request.body_length)
    return environ


def run(app: Application, environ: Environ) -> Answer:
    """Calls the application, and collects its answer. What it raises is logged, and becomes an answer."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        begun.append((status, headers))
        return parts.append

    parts: list[bytes] = []
    try:
        content = app(environ, start_response)
        try:
            parts.extend(content)
        finally:
            if hasattr(content, "close"):
                content.close()
        status, headers = begun[-1]
        return _answer(environ["REQUEST_METHOD"], status, headers, b"".join(parts))
    except Exception:
        logger.exception("a request failed: %s %s", environ["REQUEST_METHOD"], environ["RAW_URI"])
        return plain_answer("500 Internal Server Error", "This went wrong.")


def _answer(method: str, status: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    has_body = not status.startswith(("1", "204", "304"))
    if has_body and method != "HEAD" and not any(name.lower() == b"content-length" for name, _ in raw):
        raw.append((b"Content-Length", str(len(body)).encode()))
    return Answer(status, raw, body if has_body and method != "HEAD" else b"")
