"""What other services report: wishes of customers, collectors' accounts, currencies' documents."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.properties.harness import History, Step, rows
from tests.properties.worlds import (
    COLLECTORS,
    CUSTOMERS,
    DEBTORS,
    account_row,
    any_of,
    in_batches,
    maybe_rows,
    moment,
    one_of_each,
    variants,
)

_ACCOUNT = {"creditor_id": CUSTOMERS, "debtor_id": DEBTORS[:1]}
_UPDATES = {"update_id": (1, 2, 3, 4), "ts": (moment(hours=1), moment(days=1))}

POLICIES = {
    "ledger": variants(
        "UpdatedLedger",
        **_ACCOUNT,
        **_UPDATES,
        account_id=("", "a", "b"),
        creation_date=("2025-06-01", "1970-01-01"),
        principal=(0, 5000),
    ),
    "policy": variants(
        "UpdatedPolicy", **_ACCOUNT, **_UPDATES, policy_name=(None, "conservative"), max_principal=(0, 100)
    ),
    "flags": variants("UpdatedFlags", **_ACCOUNT, **_UPDATES, config_flags=(0, 1)),
}

_COLLECTOR_ACCOUNT = {"creditor_id": COLLECTORS, "debtor_id": DEBTORS[:1]}
_LIVES = ("2026-01-01", "2026-03-01")

ACCOUNTS = {
    "update": variants(
        "AccountUpdate",
        **_COLLECTOR_ACCOUNT,
        creation_date=_LIVES,
        last_change_ts=(moment(days=5), moment(hours=1)),
        last_change_seqnum=(1, 2),
        account_id=("", "a", "b"),
        debtor_info_iri=("", "https://example.com/iri", "https://example.com/new"),
        interest_rate=(0.0, -5.0),
        last_interest_rate_change_ts=(moment(days=5), moment(days=50)),
        ts=(moment(minutes=1), moment(days=30)),
    ),
    "configuration": variants(
        "AccountUpdate",
        **_COLLECTOR_ACCOUNT,
        creation_date=_LIVES,
        last_change_ts=(moment(days=5), moment(hours=1)),
        last_change_seqnum=(3,),
        principal=(0, 5000),
        last_config_ts=(moment(days=5), moment(hours=1)),
        config_flags=(0, 1),
        negligible_amount=(0.0, 2.0, 1e30),
        ts=(moment(minutes=1),),
    ),
    "foreign": variants("AccountUpdate", creditor_id=CUSTOMERS[:1], debtor_id=DEBTORS[:1], ts=(moment(minutes=1),)),
    "purge": variants("AccountPurge", **_COLLECTOR_ACCOUNT, creation_date=_LIVES),
    "rejection": variants(
        "RejectedConfig", **_COLLECTOR_ACCOUNT, config_ts=[moment(days=n) for n in range(4)], rejection_code=("NO",)
    ),
    "activation": variants("ActivateCollector", **_COLLECTOR_ACCOUNT, account_id=("a", "b")),
}

_IRIS = ("https://example.com/iri", "https://example.com/666", "https://example.com/new")

DEBTOR_INFOS = {
    "discover": variants("DiscoverDebtor", debtor_id=DEBTORS, iri=_IRIS[:2], force_locator_refetch=(False, True)),
    "confirm": variants(
        "ConfirmDebtor",
        debtor_id=DEBTORS,
        debtor_info_locator=_IRIS[1:],
        ts=(moment(days=8), moment(hours=2), moment(hours=1)),
    ),
    "fetch": variants(
        "FetchDebtorInfo",
        iri=_IRIS[:2],
        debtor_id=DEBTORS,
        is_locator_fetch=(False, True),
        is_discovery_fetch=(False, True),
        forced_iri=(None, *_IRIS),
        recursion_level=(0, 3),
    ),
    "store": variants(
        "StoreDocument", debtor_info_locator=_IRIS[1:], debtor_id=DEBTORS, ts=(moment(hours=2), moment(hours=1))
    ),
    "needed": variants("NeededCollector", debtor_id=DEBTORS, ts=(moment(hours=2), moment(hours=1))),
}


def policy_histories() -> st.SearchStrategy[History]:
    """Wishes of customers; three independent streams."""
    return in_batches(st.just([]), one_of_each(POLICIES))


def account_world() -> st.SearchStrategy[list[Step]]:
    """Collector accounts that are needed or not, known or not, with their latest rejection."""
    needed = [
        any_of(
            {"creditor_id": collector, "debtor_id": DEBTORS[0], "configured_at": moment(days=60)},
            rejections=(0, 1, 2),
            purged_at=(None, moment(days=1)),
            released_at=(None, moment(days=1)),
        )
        for collector in COLLECTORS
    ]
    known = [
        any_of(
            account_row(collector, DEBTORS[0], 0.0),
            account_id=("", "a"),
            creation_date=_LIVES,
            last_change_ts=(moment(days=9), moment(days=5)),
            debtor_info_iri=(None, _IRIS[0]),
            config_flags=(0, 1),
        )
        for collector in COLLECTORS
    ]
    return st.tuples(maybe_rows("needed_worker_account", needed), maybe_rows("worker_account", known)).map(
        lambda drawn: drawn[0] + drawn[1]
    )


def account_histories() -> st.SearchStrategy[History]:
    """Reports about collector accounts."""
    return in_batches(account_world(), one_of_each(ACCOUNTS))


def debtor_world() -> st.SearchStrategy[list[Step]]:
    """Claims of locators, from fresh to stale."""
    claims = [
        any_of(
            {"debtor_id": debtor, "debtor_info_locator": _IRIS[1]},
            latest_locator_fetch_at=(moment(hours=1), moment(days=9)),
            latest_discovery_fetch_at=(moment(hours=1), moment(days=50)),
            forced_locator_refetch_at=(None, moment(hours=1), moment(days=9)),
            latest_confirmation_ts=(None, moment(hours=2)),
        )
        for debtor in DEBTORS
    ]
    unlocated = any_of({"debtor_id": 888}, latest_discovery_fetch_at=(moment(hours=1),))
    return maybe_rows("debtor_locator_claim", [*claims, unlocated])


def debtor_histories() -> st.SearchStrategy[History]:
    """Discovery, confirmation, fetching and storing of debtor infos."""
    return in_batches(debtor_world(), one_of_each(DEBTOR_INFOS))


def interest_rows(collector_id: int) -> Step:
    """Interest rate changes of a collector's account."""
    return rows(
        "interest_rate_change",
        *(
            {
                "creditor_id": collector_id,
                "debtor_id": DEBTORS[0],
                "change_ts": moment(days=days),
                "interest_rate": rate,
            }
            for days, rate in ((100, 0.0), (200, -3.0))
        ),
    )
