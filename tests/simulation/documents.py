"""The currencies' documents, without a network: the HTTP half of the fetcher answers from memory."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace

from bridge.fetching.fetching import Answer
from sandbox.protocol.coin_info import CoinInfo, render_coin_info
from sandbox.protocol.identity import u64
from tests.simulation.process import Process


@dataclass(slots=True)
class Documents:
    """What `sandbox.servers.documents.DocumentServer` is for the set-up of an economy. `trouble`: share of failures."""

    dice: random.Random
    trouble: float = 0.0
    bodies: dict[str, bytes] = field(default_factory=dict)
    failures: int = 0
    forged: int = 0

    def locator(self, debtor_id: int) -> str:
        """The official address of the currency's latest document."""
        return f"https://documents.example/{u64(debtor_id)}"

    def put(self, info: CoinInfo) -> str:
        """Publishes the document. Returns the address of its revision."""
        locator = self.locator(info.debtor_id)
        body = render_coin_info(replace(info, revision=1), locator)
        self.bodies[locator] = self.bodies[f"{locator}/public?rev=1"] = body
        return f"{locator}/public?rev=1"

    def forge(self, info: CoinInfo, victim_debtor_id: int) -> str:
        """Publishes a document that claims the locator of another currency, for ever. Returns its address."""
        self.forged += 1
        address = f"{self.locator(info.debtor_id)}/forged?rev={self.forged}"
        forgery = replace(info, revision=self.forged, will_not_change_until="9999-12-31T23:59:59+00:00")
        self.bodies[address] = render_coin_info(forgery, self.locator(victim_debtor_id))
        return address

    def answer(self, url: str) -> Answer | Exception:
        """What comes of a request."""
        if self.dice.random() < self.trouble:
            self.failures += 1
            return self.dice.choice((TimeoutError(), Answer(503)))
        body = self.bodies.get(url)
        return Answer(404) if body is None else Answer(200, body)


class SimulatedRequests:
    """Stands in for HTTPS."""

    def __init__(self, process: Process, documents: Documents) -> None:
        self._process = process
        self._documents = documents
        self._results: list[tuple[Hashable, Answer | Exception]] = []

    def submit(self, urls: Iterable[tuple[Hashable, str]]) -> None:
        self._results += [(key, self._documents.answer(url)) for key, url in urls]

    def results(self) -> list[tuple[Hashable, Answer | Exception]]:
        if self._results:
            self._process.may_crash("during requests for documents")
        found, self._results = self._results, []
        return found

    def fileno(self) -> int:
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        pass
