"""One trade, message by message: a seller pays a collector, the collector pays a buyer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from sandbox.authority import Authority, AuthoritySettings, DebtorInfo, RootConfig
from sandbox.creditors.agent import AgentSettings, CreditorsAgent
from sandbox.protocol import smp
from tests.sandbox.box import BUYER, COLLECTOR, DEBTOR, SELLER, account, configure
from tests.sandbox.conftest import FakeClock

DIALOGUE = [json.loads(line) for line in (Path(__file__).parent / "dialogue.jsonl").read_text().splitlines()]
SETTINGS = AuthoritySettings(
    pass_period=timedelta(days=1), update_merge_delay=timedelta(hours=3, minutes=40), credit_delay=timedelta(seconds=1)
)
REQUESTS: msgspec.json.Decoder[smp.Request] = msgspec.json.Decoder(smp.Request)


def as_json(message: smp.Message) -> dict[str, object]:
    body: dict[str, object] = json.loads(smp.encode(message))
    if "negligible_amount" in body:
        # The authority keeps it as a 32-bit float.
        assert body["negligible_amount"] == pytest.approx(1e30, rel=1e-5)
        body["negligible_amount"] = 1e30
    return body


class Stage:
    """The authority and the agent, with the world as it was before the trade."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        clock.set("2026-11-23T16:10:00")
        self.authority = Authority(SETTINGS, clock)
        info = DebtorInfo(iri="https://127.0.0.1:58443/4294967297")
        self.authority.configure_currency(DEBTOR, RootConfig(info=info))
        self.agent = CreditorsAgent(AgentSettings(ledger_period=timedelta()), clock, first_update_id=1000)
        for creditor_id in (SELLER, 11, 12, 13, BUYER):
            self.agent.open_account(creditor_id, DEBTOR)
        opened = [m for m in self.agent.take_outgoing() if m.creditor_id in (SELLER, BUYER)]
        self.tell_agent(self.authority.step(m for m in opened if isinstance(m, smp.ConfigureAccount)))
        clock.set("2026-11-23T16:10:15")
        self.authority.step([configure(COLLECTOR, clock(), negligible=1e30)])
        self.authority.issue(DEBTOR, SELLER, 100000)
        clock.advance(seconds=1)
        self.tell_agent(self.authority.step())

    def tell_agent(self, messages: list[smp.Message]) -> list[smp.Message]:
        news = [m for m in messages if isinstance(m, smp.AccountUpdate | smp.AccountTransfer) and m.creditor_id]
        return self.agent.step(m for m in news if m.creditor_id != COLLECTOR)

    def ask(self, number: int, moment: str) -> list[smp.Message]:
        """Lets the authority process message `number` of the dialogue."""
        self.clock.set(f"2026-11-23T{moment}")
        body = json.dumps(DIALOGUE[number - 1]).encode()
        return self.authority.step([smp.decode(REQUESTS, body, DIALOGUE[number - 1]["type"])])

    def later(self, moment: str) -> list[smp.Message]:
        self.clock.set(f"2026-11-23T{moment}")
        return self.authority.step()

    def principals(self) -> tuple[int, int, int, int, int, int]:
        """Root, seller, collector, buyer, in transit, locked on the seller."""
        parts = [account(self.authority, creditor).principal for creditor in (0, SELLER, COLLECTOR, BUYER)]
        in_flight = self.authority.audit()[DEBTOR].in_flight
        assert sum(parts) + in_flight == 0
        return (*parts, in_flight, account(self.authority, SELLER).total_locked_amount)  # type: ignore[return-value]


def test_the_authority_plays_the_worked_dialogue(clock: FakeClock) -> None:
    stage = Stage(clock)
    assert stage.principals() == (-100000, 100000, 0, 0, 0, 0)

    assert list(map(as_json, stage.ask(1, "16:12:07"))) == DIALOGUE[1:2]
    assert stage.principals() == (-100000, 100000, 0, 0, 0, 84687)
    (zero_lock,) = stage.ask(3, "16:12:07")
    assert isinstance(zero_lock, smp.PreparedTransfer)
    assert (zero_lock.locked_amount, zero_lock.transfer_id) == (0, 22847851625185281)

    answers = stage.ask(4, "16:12:26")
    assert list(map(as_json, answers)) == DIALOGUE[4:6]
    assert stage.principals() == (-100000, 30000, 0, 0, 70000, 0)
    credits = stage.later("16:12:27")
    assert list(map(as_json, credits)) == DIALOGUE[6:7]
    assert stage.principals() == (-100000, 30000, 70000, 0, 0, 0)
    clock.set("2026-11-23T16:12:28")
    assert list(map(as_json, stage.tell_agent(answers + credits))) == DIALOGUE[7:8]

    assert list(map(as_json, stage.ask(9, "16:12:31"))) == DIALOGUE[9:10]
    answers = stage.ask(11, "16:12:32")
    assert list(map(as_json, answers)) == DIALOGUE[11:13]
    assert stage.principals() == (-100000, 30000, 1, 0, 69999, 0)
    credits = stage.later("16:12:33")
    assert list(map(as_json, credits)) == DIALOGUE[13:14]
    assert stage.principals() == (-100000, 30000, 1, 69999, 0, 0)

    dismissal = {**DIALOGUE[14], "transfer_id": zero_lock.transfer_id}
    assert dismissal == DIALOGUE[14]
    assert list(map(as_json, stage.ask(15, "16:12:34"))) == DIALOGUE[15:16]
    clock.set("2026-11-23T16:12:35")
    assert list(map(as_json, stage.tell_agent(credits))) == DIALOGUE[16:17]
    merged = [update for update in stage.later("20:00:00") if update.creditor_id == COLLECTOR]
    assert list(map(as_json, merged)) == DIALOGUE[17:18]
