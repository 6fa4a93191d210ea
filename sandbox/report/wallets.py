"""One trader's wallet: what was in it before the turn, what was wanted, what is in it now, and why not more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.solution_text import EXPLANATIONS
from sandbox.economy.economy import Economy, TraderAccount
from sandbox.report.outcome import AccountKey
from sandbox.report.wording import amount, number

NOT_OFFERED = "not offered: too little, or at another rate than the currency's own"


@dataclass(frozen=True, slots=True)
class Pocket:
    """One currency in a wallet, in tokens: before the turn, where the owner wanted to come to, and after the turn.

    `reason` says why nothing was traded although something was wanted.
    """

    debtor_id: int
    before: int
    goal: int
    after: int
    reason: str


def goal(account: TraderAccount, before: int) -> int:
    """What the owner would like to have, who has `before`: not less than the one limit, nor more than the other."""
    return max(account.min_principal, min(account.max_principal, before))


def wallets(
    economy: Economy,
    before: Mapping[AccountKey, int],
    after: Mapping[AccountKey, int],
    reasons: Mapping[AccountKey, str],
) -> dict[int, list[Pocket]]:
    """The wallets by creditor, each with what changed first, then what was wanted, the most valuable first."""
    found: dict[int, list[Pocket]] = {trader.creditor_id: [] for trader in economy.traders}
    for account in economy.accounts:
        key = (account.creditor_id, account.debtor_id)
        had, has = before.get(key, 0), after.get(key, 0)
        wanted = goal(account, had)
        reason = ""
        if wanted != had and has == had:
            given = reasons.get(key)
            reason = NOT_OFFERED if given is None else EXPLANATIONS.get(given, given)
        found[account.creditor_id].append(Pocket(account.debtor_id, had, wanted, has, reason))
    price = {currency.debtor_id: currency.price for currency in economy.currencies}

    def order(pocket: Pocket) -> tuple[bool, bool, float, int]:
        moved = abs(pocket.after - pocket.before) or abs(pocket.goal - pocket.before)
        is_idle = pocket.goal == pocket.before == pocket.after
        return is_idle, pocket.after == pocket.before, -moved * price[pocket.debtor_id], pocket.debtor_id

    return {creditor_id: sorted(pockets, key=order) for creditor_id, pockets in found.items()}


def pocket_cells(economy: Economy, pocket: Pocket) -> tuple[str, str, str, str, str, str]:
    """The currency, before, wanted, after, what the turn changed, and why not: for a table."""
    currency = economy.currency_by_id[pocket.debtor_id]
    if pocket.goal > pocket.before:
        wanted = f"at least {amount(currency, pocket.goal)}"
    elif pocket.goal < pocket.before:
        wanted = f"at most {amount(currency, pocket.goal)}"
    else:
        wanted = "no change"
    change = pocket.after - pocket.before
    changed = "" if not change else f"{'got' if change > 0 else 'gave'} {amount(currency, abs(change))}"
    return (
        currency.name,
        amount(currency, pocket.before),
        wanted,
        amount(currency, pocket.after),
        changed,
        pocket.reason,
    )


def pocket_sentence(economy: Economy, pocket: Pocket) -> str:
    """`Plovdiv Bon: 228,607.11 before, at most 13,600.87 wanted, 13,600.87 after`."""
    currency = economy.currency_by_id[pocket.debtor_id]
    had, goal, has = (number(currency, tokens) for tokens in (pocket.before, pocket.goal, pocket.after))
    wanted = (
        "nothing" if pocket.goal == pocket.before else f"at {'least' if pocket.goal > pocket.before else 'most'} {goal}"
    )
    return f"{currency.name}: {had} before, {wanted} wanted, {has} after"


def most_telling(wallets_by_creditor: Mapping[int, Sequence[Pocket]], creditors: Sequence[int]) -> int | None:
    """Whose wallet shows most: of these creditors, the one in whose wallet most currencies changed."""
    changed = {
        creditor: sum(pocket.after != pocket.before for pocket in wallets_by_creditor.get(creditor, ()))
        for creditor in creditors
    }
    return max(changed, key=lambda creditor: (changed[creditor], -creditor), default=None)
