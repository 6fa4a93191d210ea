"""Looking names up, and remembering them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from bridge.fetching.names import NAME_SECONDS, PER_ZONE, Names, Resolver, zone
from tests.bridge.documents import Lookups


def run(course: Coroutine[Any, Any, None]) -> None:
    asyncio.run(course)


def test_names_are_looked_up_once_an_hour() -> None:
    async def course() -> None:
        lookups, now = Lookups(["192.0.2.1"]), [1000.0]
        names = Names(lookups, lambda: now[0])
        for seconds, count in ((0.0, 1), (NAME_SECONDS - 1, 1), (1.0, 2)):
            now[0] += seconds
            assert await names.find("a.example") == ["192.0.2.1"]
            assert len(lookups.asked) == count

    run(course())


def test_many_who_want_one_name_ask_once() -> None:
    async def course() -> None:
        lookups = Lookups(["192.0.2.1"])
        names = Names(lookups)
        await asyncio.gather(*(names.find("a.example") for _ in range(50)))
        assert lookups.asked == ["a.example"]

    run(course())


def test_addresses_are_not_looked_up() -> None:
    async def course() -> None:
        lookups = Lookups([])
        for address in ("192.0.2.1", "2001:db8::1", "fe80::1%eth0"):
            assert await Names(lookups).find(address) == [address]
        assert lookups.asked == []

    run(course())


def test_no_address_is_an_error() -> None:
    async def course() -> None:
        with pytest.raises(OSError, match="no address"):
            await Names(Lookups([])).find("a.example")

    run(course())


def test_an_address_that_has_answered_comes_first() -> None:
    async def course() -> None:
        names = Names(Lookups(["192.0.2.1", "192.0.2.2", "192.0.2.3"]))
        await names.find("a.example")
        names.prefer("a.example", "192.0.2.2")
        assert await names.find("a.example") == ["192.0.2.2", "192.0.2.1", "192.0.2.3"]
        names.prefer("a.example", "192.0.2.9")
        names.prefer("unknown.example", "192.0.2.9")
        assert await names.find("a.example") == ["192.0.2.2", "192.0.2.1", "192.0.2.3"]

    run(course())


def test_silent_nameservers_of_a_domain_hold_up_no_other_domain() -> None:
    async def course() -> None:
        asked = []

        async def look_up(host: str) -> list[str]:
            asked.append(host)
            if host.endswith("silent.example"):
                await asyncio.Event().wait()
            return ["192.0.2.1"]

        names = Names(look_up)
        silent = [asyncio.create_task(names.find(f"{number}.silent.example")) for number in range(120)]
        await asyncio.sleep(0.0)
        assert await names.find("honest.test") == ["192.0.2.1"]
        assert len(asked) == PER_ZONE + 1
        for task in silent:
            task.cancel()

    run(course())


def test_known_names_of_a_silent_domain_are_found() -> None:
    async def course() -> None:
        is_silent = False

        async def look_up(host: str) -> list[str]:
            if is_silent:
                await asyncio.Event().wait()
            return ["192.0.2.1"]

        names = Names(look_up)
        assert await names.find("known.silent.example") == ["192.0.2.1"]
        is_silent = True
        # Many ask for one name, too: they wait for each other, and for nobody else.
        hosts = ["same.silent.example"] * 20 + [f"{number}.silent.example" for number in range(20)]
        silent = [asyncio.create_task(names.find(host)) for host in hosts]
        await asyncio.sleep(0.0)
        assert await names.find("known.silent.example") == ["192.0.2.1"]
        for task in silent:
            task.cancel()

    run(course())


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.com", "example.com"),
        ("A.b.Example.com.", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("localhost", "localhost"),
        ("a.github.io", "github.io"),
        ("co.uk", "co.uk"),
    ],
)
def test_names_of_one_party_are_one_zone(host: str, name: str) -> None:
    assert zone(host) == name


def test_the_machine_s_own_names_are_known() -> None:
    async def course() -> None:
        resolver = Resolver()
        assert "127.0.0.1" in await resolver("localhost")
        await resolver.close()

    run(course())


def test_look_ups_end_when_whoever_wants_them_has_given_up() -> None:
    """Three nameservers that say nothing: no thread is left behind that waits for them."""

    async def course() -> None:
        with (
            socket.socket(type=socket.SOCK_DGRAM) as one,
            socket.socket(type=socket.SOCK_DGRAM) as two,
            socket.socket(type=socket.SOCK_DGRAM) as three,
        ):
            places = []
            for number, silent in enumerate((one, two, three), 1):
                silent.bind((f"127.0.0.{number}", 0))
                places.append("{}:{}".format(*silent.getsockname()))
            resolver = Resolver(places)
            waiting = [asyncio.create_task(resolver(f"{number}.example.com")) for number in range(50)]
            # The first of them is asked first.
            one.setblocking(False)
            await asyncio.get_running_loop().sock_recv(one, 1)
            assert "127.0.0.1" in await resolver("localhost")
            assert not any(task.done() for task in waiting)
            for task in waiting:
                task.cancel()
            await resolver.close()
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(end) for end in ends} == {asyncio.CancelledError}

    run(course())
