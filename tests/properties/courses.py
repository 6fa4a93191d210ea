"""Courses of events whose end must not depend on the order, the repetition or the batches of messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.properties import attempts, payments
from tests.properties.attempts import Key, owed_rows, request_of_attempt
from tests.properties.chains import Course, Phase, Stage
from tests.properties.harness import Message, Step, clock, rows, wire
from tests.properties.locks import LATER_DEADLINE, payment_note, request_of_lock
from tests.properties.reports import interest_rows
from tests.properties.worlds import (
    COLLECTORS,
    CUSTOMERS,
    DEBTORS,
    NOW,
    START,
    STARTED,
    account_row,
    moment,
    turn_rows,
)
from tests.sql.messages import message


def say(type_: str, **fields: Any) -> Message:
    return wire(message(type_, **fields), fields)


def _free(messages: Sequence[Message]) -> Phase:
    """Messages that may come in any order."""
    return Phase([[[m]] for m in messages])


def _some(messages: Sequence[Message]) -> st.SearchStrategy[list[Message]]:
    """Some of the messages, in their order."""
    chosen = st.lists(st.integers(0, len(messages) - 1), unique=True, min_size=1, max_size=8)
    return chosen.map(lambda numbers: [messages[n] for n in sorted(numbers)])


def _policy_updates() -> list[Message]:
    updates = []
    for n in range(1, 5):
        for creditor in CUSTOMERS:
            who = {"creditor_id": creditor, "debtor_id": DEBTORS[0], "update_id": n, "ts": moment(hours=9 - n)}
            updates += [
                say("UpdatedLedger", **who, account_id=f"a{n % 3}", principal=n * 10, last_transfer_number=n),
                say("UpdatedPolicy", **who, policy_name=[None, "conservative"][n % 2], max_principal=n),
                say("UpdatedFlags", **who, config_flags=n % 2),
            ]
    return updates


def policy_courses() -> st.SearchStrategy[Course]:
    """Updates of three streams; an ID always means the same content."""
    return _some(_policy_updates()).map(lambda updates: ([*START], [_free(updates)]))


def _account_updates() -> list[Message]:
    """The life of an account, from its creation without an ID to its second life under another one."""
    lives = [("2026-01-01", ""), ("2026-01-01", "a"), ("2026-01-01", "a"), ("2026-03-01", "b"), ("2026-03-01", "b")]
    updates = []
    for collector in COLLECTORS:
        for n, (creation_date, account_id) in enumerate(lives):
            updates.append(
                say(
                    "AccountUpdate",
                    creditor_id=collector,
                    debtor_id=DEBTORS[0],
                    creation_date=creation_date,
                    account_id=account_id,
                    last_change_ts=moment(days=90 - 10 * n),
                    last_change_seqnum=n,
                    principal=n,
                    debtor_info_iri=f"https://example.com/{n // 2}",
                    interest_rate=(0.0, -5.0, 3.0, -2.0, -7.0)[n],
                    last_interest_rate_change_ts=moment(days=90 - 10 * n),
                    ts=moment(days=80 - 10 * n),
                    ttl=100 * 86400,
                )
            )
    return updates


def account_courses() -> st.SearchStrategy[Course]:
    """Reports about needed accounts."""
    needed = [
        {"creditor_id": collector, "debtor_id": DEBTORS[0], "configured_at": moment(days=90)}
        for collector in COLLECTORS
    ]
    world = [*START, rows("needed_worker_account", *needed)]
    return _some(_account_updates()).map(lambda updates: (world, [_free(updates)]))


def _debtor_messages() -> list[Message]:
    messages = []
    for debtor in DEBTORS:
        locators = [f"https://example.com/{debtor}/{n}" for n in range(3)]
        for n, locator in enumerate(locators):
            ts = moment(hours=9 - n)
            messages += [
                say("ConfirmDebtor", debtor_id=debtor, debtor_info_locator=locator, ts=ts),
                say("StoreDocument", debtor_info_locator=locators[0], debtor_id=debtor + n, ts=ts),
                say(
                    "FetchDebtorInfo",
                    iri=locators[1],
                    debtor_id=debtor,
                    is_locator_fetch=n == 1,
                    is_discovery_fetch=n == 2,
                    forced_iri=[None, locators[2]][n // 2],
                    recursion_level=n,
                ),
            ]
        messages.append(say("NeededCollector", debtor_id=debtor))
    return messages


def debtor_courses() -> st.SearchStrategy[Course]:
    """Confirmations, documents and fetches."""
    return _some(_debtor_messages()).map(lambda messages: ([*START], [_free(messages)]))


PAID_AND_NOT = "a payment, and the news that it will never come"


def payment_courses() -> st.SearchStrategy[Course]:
    """Money that a collector waits for, or the news that it will not come, on both sides of step 3/0."""
    mine, other, debtor, turn = payments.MINE, payments.OTHER, payments.DEBTOR, payments.TURN

    def transfer(kind: str, payer: int, note: str, amount: int) -> Message:
        if amount:
            return say(
                "AccountTransfer", creditor_id=mine, debtor_id=debtor, acquired_amount=amount, transfer_note=note
            )
        return say(
            "TriggerTransfer",
            collector_id=mine,
            turn_id=turn,
            debtor_id=debtor,
            creditor_id=payer,
            is_dispatching=False,
            unpaid=kind,
        )

    def course(amounts: tuple[int | str | None, ...]) -> Course:
        payers = [("collecting", seller) for seller in payments.SELLERS] + [("sending", other)]
        early: list[list[Stage]] = []
        late: list[list[Stage]] = []
        for (kind, payer), amount, is_early in zip(payers, amounts[:3], amounts[3:], strict=True):
            note = payment_note(kind, turn, *((mine, payer) if kind == "collecting" else (payer, mine)))
            if amount == PAID_AND_NOT:
                # Only together before 3/0: afterwards the row of a payment that will never come is gone.
                early.append([[transfer(kind, payer, note, payments.RECEIVED), transfer(kind, payer, note, 0)]])
            elif isinstance(amount, int):
                (early if is_early else late).append([[transfer(kind, payer, note, amount)]])
        world = [
            clock(NOW.isoformat()),
            *turn_rows(turn, 3, 0),
            *payments.staged_rows(),
            *(rows("worker_account", account_row(collector, debtor, 0.0)) for collector in COLLECTORS),
            rows(
                "trading_policy",
                *(
                    {"creditor_id": buyer, "debtor_id": debtor, "account_id": "a", "latest_ledger_update_id": 1}
                    for buyer in payments.BUYERS
                ),
            ),
        ]
        return world, [Phase(early, [Step("settle", {"turn_id": turn})]), Phase(late)]

    amount = st.sampled_from(
        [payments.COLLECTED, payments.COLLECTED - 1, payments.COLLECTED + 1, 0, None, PAID_AND_NOT]
    )
    received = st.sampled_from([payments.RECEIVED, payments.RECEIVED - 1, 0, None, PAID_AND_NOT])
    is_early = st.sampled_from([0, 1])
    return st.tuples(amount, amount, received, is_early, is_early, is_early).map(course)


AMOUNT = 1000  # what the cut leaves of a nominal amount of 1000.5


def _try(key: Key, number: int, transfer_id: int, ends: str) -> list[Stage]:
    """The answers to one try of an attempt."""
    collector, recipient, is_dispatching = key
    request = {
        "creditor_id": collector,
        "debtor_id": attempts.DEBTOR,
        "coordinator_id": collector,
        "coordinator_request_id": request_of_attempt(key, number),
    }
    if ends != "paid" and not ends.startswith("finalized "):
        return [[say("RejectedTransfer", **request, status_code=ends)]]
    prepared = say("PreparedTransfer", **request, transfer_id=transfer_id)
    result = {"transfer_id": transfer_id, "committed_amount": AMOUNT, "status_code": "OK"}
    if ends.startswith("finalized "):
        result |= {"committed_amount": 0, "status_code": ends.removeprefix("finalized ")}
        return [[prepared], [say("FinalizedTransfer", **request, **result)]]
    kind = "dispatching" if is_dispatching else "sending"
    debit = say(
        "AccountTransfer",
        creditor_id=collector,
        debtor_id=attempts.DEBTOR,
        acquired_amount=-AMOUNT,
        transfer_note=payment_note(kind, attempts.TURN, collector, recipient),
    )
    return [[prepared], [say("FinalizedTransfer", **request, **result), debit]]


def attempt_courses() -> st.SearchStrategy[Course]:
    """Payments of collectors that succeed at once, at the second try, or never."""
    shared = [
        *START,
        *turn_rows(attempts.TURN, 3, 5),
        *owed_rows(),
        *(rows("worker_account", account_row(collector, attempts.DEBTOR, 0.0)) for collector in COLLECTORS),
        *map(interest_rows, COLLECTORS),
    ]
    failures = [
        "TIMEOUT",
        "RECIPIENT_IS_UNREACHABLE",
        "TOO_MANY_TRANSFERS",
        "RECIPIENT_SAME_AS_SENDER",
        "finalized INSUFFICIENT_AVAILABLE_AMOUNT",
    ]

    def course(endings: list[str]) -> Course:
        first: list[list[Stage]] = []
        second: list[list[Stage]] = []
        single: list[Message] = []
        world = [*shared]
        for n, (key, ending) in enumerate(zip(attempts.KEYS, endings, strict=False)):
            collector, recipient, is_dispatching = key
            attempt = {
                "collector_id": collector,
                "turn_id": attempts.TURN,
                "debtor_id": attempts.DEBTOR,
                "creditor_id": recipient,
                "is_dispatching": is_dispatching,
            }
            times = {"collection_started_at": STARTED.isoformat(), "inserted_at": STARTED.isoformat()}
            world.append(rows("transfer_attempt", {**attempt, **times, "nominal_amount": 1000.5}))
            answer = say("AccountIdResponse", **attempt, account_id="a", account_id_version=1)
            again = say("AccountIdResponse", **attempt, account_id="b", account_id_version=2)
            first.append([[answer], *_try(key, 1, 900 + n, ending)])
            if ending == "RECIPIENT_IS_UNREACHABLE":
                # A repetition of the first answer would mean: try the old ID again.
                single.append(answer)
                first[-1].append([again])
            if ending in failures and ending != "RECIPIENT_SAME_AS_SENDER":
                second.append(_try(key, 2, 910 + n, "paid"))
        later = clock((NOW + timedelta(hours=3)).isoformat())
        return world, [Phase(first, [later, Step("trigger")], single), Phase(second)]

    ending = st.sampled_from(["paid", *failures])
    return st.lists(ending, min_size=1, max_size=len(attempts.KEYS)).map(course)


SOLD, BOUGHT = 5000, 6000


def lock_courses() -> st.SearchStrategy[Course]:
    """Customers who offer to sell or to buy in a turn, and how that ends."""
    traders = [(creditor, debtor) for creditor in CUSTOMERS for debtor in DEBTORS]
    fates = ["rejected", "bad terms", "unanswered", "no trade", "pays", "fails", "buys"]

    def course(chosen: list[str]) -> Course:
        offers: list[list[Stage]] = []
        single: list[Message] = []
        verdicts: list[dict[str, Any]] = []
        revisions: list[list[Stage]] = []
        ends: list[list[Stage]] = []
        for (creditor, debtor), fate in zip(traders, chosen, strict=False):
            collector = COLLECTORS[0]
            is_seller = fate != "buys"
            account = {"creditor_id": creditor, "debtor_id": debtor}
            request = {
                **account,
                "coordinator_id": creditor,
                "coordinator_request_id": request_of_lock(creditor, debtor, 1),
            }
            transfer_id = creditor % 256 * 10 + debtor
            locked = 5300 if is_seller else 0
            terms = {"transfer_id": transfer_id, "locked_amount": locked, "demurrage_rate": -50.0}
            prepared = say("PreparedTransfer", **request, **terms, deadline=LATER_DEADLINE)
            badly = say("PreparedTransfer", **request, **terms, deadline=moment())
            offer = say("CandidateOffer", **account, turn_id=1, amount=-SOLD if is_seller else BOUGHT)
            answers = {"rejected": [say("RejectedTransfer", **request)], "bad terms": [badly], "unanswered": []}
            offers.append([[offer], answers.get(fate, [prepared])])
            if fate in ("rejected", "bad terms"):
                # After a refusal the offer would be tried once more.
                single.append(offer)
            revisions.append([[say("ReviseAccountLock", **account, turn_id=1)]])
            if fate in ("rejected", "bad terms", "unanswered", "no trade"):
                continue
            amount = 1 - SOLD if is_seller else BOUGHT - 1
            verdicts.append({**account, "turn_id": 1, "amount": amount, "collector_id": collector})
            payment = say(
                "AccountTransfer",
                **account,
                acquired_amount=amount if is_seller else amount - 1,
                transfer_number=4,
                transfer_note=payment_note("collecting" if is_seller else "dispatching", 1, collector, creditor),
            )
            result = {"transfer_id": transfer_id, "committed_amount": SOLD - 1, "status_code": "OK"}
            finalized = say("FinalizedTransfer", **request, **result)
            failed = say("FinalizedTransfer", **request, **{**result, "committed_amount": 0, "status_code": "TIMEOUT"})
            ends.append([{"pays": [payment, finalized], "fails": [failed], "buys": [payment]}[fate]])
        world = [
            *START,
            *turn_rows(1, 2, 5),
            rows(
                "active_collector",
                *({"debtor_id": debtor, "collector_id": COLLECTORS[0], "account_id": "k"} for debtor in DEBTORS),
            ),
        ]
        settled = [
            Step("next phase", {"turn_id": 1, "started": NOW.isoformat()}),
            rows("staging_stamp", {"turn_id": 1, "phase": 3, "row_count": len(verdicts)}),
            *([rows("staged_participation", *verdicts)] if verdicts else []),
            Step("settle", {"turn_id": 1}),
        ]
        return world, [Phase(offers, settled, single), Phase([*revisions, *ends])]

    return st.lists(st.sampled_from(fates), min_size=1, max_size=len(traders)).map(course)
