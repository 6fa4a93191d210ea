"""Once a market has traded, everybody wants the same once more."""

from __future__ import annotations

from sandbox.creditors.agent import Policy
from tests.simulation.world import World


def want_again(world: World) -> None:
    """Who sold gets new tokens to sell; who bought wants as much more."""
    for wanted in world.economy.accounts:
        account = world.authority.account(wanted.debtor_id, wanted.creditor_id)
        principal = account.principal if account else 0
        if principal < wanted.principal:
            world.authority.issue(wanted.debtor_id, wanted.creditor_id, wanted.principal - principal)
        more = max(0, principal - wanted.principal)
        policy = Policy(
            "conservative",
            wanted.min_principal + more if wanted.min_principal > wanted.principal else wanted.min_principal,
            max(wanted.max_principal, wanted.min_principal + more),
            wanted.peg_debtor_id,
            wanted.peg_rate,
        )
        world.agent.set_policy(wanted.creditor_id, wanted.debtor_id, policy)
