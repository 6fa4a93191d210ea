"""One connection of a client: its requests, one after the other, each in limited time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus

import h11

from service.serving.messages import Answer, Answering, Limits, Request, plain_answer

_READ_BYTES = 65_536
_WRITE_BYTES = 65_536
_LINGER_SECONDS = 1.0

Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


class Connection:
    """`waiting_since` is a moment of the monotonic clock, or None while nobody waits for the client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answering: Answering, limits: Limits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answering = answering
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._is_last = False
        self.waiting_since: float | None = time.monotonic()
        # Whoever waits until all is written waits until the client has taken it, not only most of it.
        writer.transport.set_write_buffer_limits(high=0)

    async def serve(self) -> None:
        """Answers requests until client or server has had enough, or a limit is reached. Closes nothing."""
        with suppress(TimeoutError, OSError, h11.ProtocolError):
            while await self._serve_one():
                self._http.start_next_cycle()
                self.waiting_since = time.monotonic()
            await self._linger()

    def finish(self) -> None:
        """Makes the answer to the present request the last one."""
        self._is_last = True

    async def _serve_one(self) -> bool:
        """Serves one request. False: there will be no other."""
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                head = await self._next_event()
            if not isinstance(head, h11.Request):
                return False
            answer = await self._answer_to(head)
        except h11.RemoteProtocolError as error:
            if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
                raise
            self._is_last = True
            status = HTTPStatus(error.error_status_hint)
            answer = plain_answer(f"{status.value} {status.phrase}", "This is no HTTP that is spoken here.")
        await self._send(answer)
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _answer_to(self, head: h11.Request) -> Answer:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body, length = await self._read_body(head)
        except TimeoutError:
            self._is_last = True
            return plain_answer("408 Request Timeout", "The body took too long.")
        request = Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii"),
            version=head.http_version.decode("ascii"),
            headers=list(head.headers),
            body=body,
            body_length=length,
            client=self._address("peername"),
            server=self._address("sockname"),
        )
        self.waiting_since = None
        try:
            return await self._answering(request)
        finally:
            self.waiting_since = time.monotonic()

    async def _read_body(self, head: h11.Request) -> tuple[bytes, int]:
        """The body, and its length; an empty one, if it is longer than the limit."""
        declared = int(dict(head.headers).get(b"content-length", b"0"))
        body = bytearray()
        if declared <= self._limits.body_bytes:
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            while isinstance(event := await self._next_event(), h11.Data):
                body += event.data
                if len(body) > self._limits.body_bytes:
                    break
            if isinstance(event, h11.EndOfMessage):
                return bytes(body), len(body)
        self._is_last = True
        return b"", max(declared, len(body))

    async def _next_event(self) -> Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ_BYTES))
        return event

    async def _send(self, answer: Answer) -> None:
        status, _, reason = answer.status.partition(" ")
        headers = [*answer.headers, (b"Date", formatdate(usegmt=True).encode())]
        if self._is_last:
            headers.append((b"Connection", b"close"))
        async with asyncio.timeout(self._limits.answer_seconds):
            await self._write(h11.Response(status_code=int(status), reason=reason.encode("latin-1"), headers=headers))
            for start in range(0, len(answer.body), _WRITE_BYTES):
                await self._write(h11.Data(data=answer.body[start : start + _WRITE_BYTES]))
            await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def _linger(self) -> None:
        """Reads on for a moment: closed with something unread, the connection would take the answer along."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                self._writer.write_eof()
                while await self._reader.read(_READ_BYTES):
                    pass

    def _address(self, which: str) -> tuple[str, int]:
        address = self._writer.get_extra_info(which) or ("", 0)
        return str(address[0]), int(address[1])
