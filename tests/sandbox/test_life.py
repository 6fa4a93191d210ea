"""What people do between turns: they pay each other, and come to want what they did not want before."""

from __future__ import annotations

from datetime import timedelta

from sandbox.authority import Authority, AuthoritySettings
from sandbox.creditors.agent import AgentSettings, CreditorsAgent
from sandbox.economy.generator import make_economy
from sandbox.economy.life import Life
from sandbox.economy.setup import configure_currencies, issue_money, open_accounts
from sandbox.report.wallets import goal
from tests.sandbox.conftest import FakeClock


def money(authority: Authority) -> dict[tuple[int, int], int]:
    return {(a.creditor_id, a.debtor_id): a.principal for a in authority.books.accounts.values() if a.creditor_id}


def test_people_earn_and_spend_and_want_to_trade_again(clock: FakeClock) -> None:
    economy = make_economy(3, 60, 8)
    accounts = {(account.creditor_id, account.debtor_id): account for account in economy.accounts}
    results = []
    for seed in (1, 1, 2):
        authority = Authority(AuthoritySettings(credit_delay=timedelta(0)), clock)
        agent = CreditorsAgent(AgentSettings(), clock)
        configure_currencies(economy, authority, {c.debtor_id: "https://example.com/" for c in economy.currencies})
        open_accounts(economy, agent)
        authority.step(agent.take_outgoing())
        issue_money(economy, authority)
        clock.advance(minutes=1)
        authority.step([])
        before = money(authority)
        content = {key for key, tokens in before.items() if goal(accounts[key], tokens) == tokens}
        made = Life(economy, authority, seed).go_on(120)
        clock.advance(minutes=1)
        authority.step([])
        after = money(authority)
        assert 20 < made <= 120
        assert authority.audit()  # Raises when any money was lost or made.
        assert sum(after.values()) == sum(before.values())
        assert all(tokens >= 0 for tokens in after.values())
        wishes = {key for key in content if goal(accounts[key], after[key]) != after[key]}
        assert len(wishes) > 5
        results.append(after)
    assert results[0] == results[1] != results[2]
