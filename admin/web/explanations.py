"""Why an offer traded nothing, or not all of it: a sentence for its trader, with the numbers that made it so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admin.web.currency_results import CurrencyResult
from pipelines.solver.market import TurnParameters
from pipelines.solver.untraded import ODD_REASONS

MEANINGS = {
    "missing value": "The offer was not complete.",
    "creditor 0": "The offer was nobody's.",
    "collector 0": "The offer named no collector.",
    "amount not positive": "The offer was of nothing.",
    "below minimum": "The offer was smaller than the smallest trade.",
    "both sides of an account": "The trader offered and wanted the same currency.",
    "second offer of an account": "The trader had a larger offer in the same currency.",
    "no price": "The currency had no price: it was not confirmed, or its pegs do not lead to the base currency.",
    "one-sided trader": "The trader only offered, or only wanted; a trade needs both.",
    "value too small for the scale": "The offer was worth too little beside all others to be reckoned with.",
    "trader dropped by the final check": "The trader's trades would have broken a rule of the result.",
    "no circle": "No circle of traders led through the offer, or none was left for it.",
    "lost to the minimum": "Circles led through the offer, but not for the smallest trade of all in them.",
    "no time left": "The time limit ended the search before the offer had its turn.",
    "the optimiser failed": "The search failed, so the offer could not be placed.",
}
"""What each reason means, of any offer."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer of a trader, and what he traded of it, in tokens; `reason` is that of one that traded nothing."""

    debtor_id: int
    is_sell: bool
    amount: int
    traded: int
    collector_id: int | None
    reason: str | None


def why(offer: Offer, all_offers: Sequence[Offer], currency: CurrencyResult, parameters: TurnParameters) -> str | None:
    """The sentence about one of a trader's offers; None: all of it was traded.

    `all_offers` are the trader's; `currency` is that of the offer.
    """
    if offer.traded >= offer.amount:
        return None
    if offer.traded:
        return _why_the_rest(offer, all_offers, currency)
    amount, did = f"{offer.amount:,}", "offered" if offer.is_sell else "wanted"
    match offer.reason:
        case "below minimum":
            return f"You {did} {amount}; the smallest trade is {parameters.least_trade:,}."
        case "no price":
            return f"You {did} {amount}, but {_why_no_price(currency, parameters)}, so it had no price."
        case "one-sided trader":
            return f"You {did} {amount}, but {_why_one_sided(offer, all_offers)}."
        case "both sides of an account":
            other = sum(
                o.amount for o in all_offers if o.debtor_id == offer.debtor_id and o.is_sell is not offer.is_sell
            )
            also = "wanted" if offer.is_sell else "offered"
            return f"You {did} {amount} and {also} {other:,} of the same currency: neither can be traded."
        case "value too small for the scale":
            value = offer.amount * (currency.price or 0.0)
            return (
                f"You {did} {amount}, worth {value:.3g} base tokens: too little beside all others to be reckoned with."
            )
        case "trader dropped by the final check":
            return f"You {did} {amount}, but your {len(all_offers):,} offers would have broken a rule of the result."
        case "no circle":
            return f"You {did} {amount}{_why_no_circle(offer, currency)}."
        case "lost to the minimum":
            return (
                f"You {did} {amount}, and circles led through that, but none in which everybody could have traded at "
                f"least {parameters.least_trade:,} tokens without larger trades being given up."
            )
        case "no time left":
            return f"You {did} {amount}; the search ended at its time limit before that had its turn."
        case reason if reason in MEANINGS:
            return f"You {did} {amount}. {MEANINGS[reason]}"
        case _:
            return f"You {did} {amount}; the archive does not say why nothing was traded."


def _why_the_rest(offer: Offer, all_offers: Sequence[Offer], currency: CurrencyResult) -> str:
    did, other_did = ("offered", "wanted") if offer.is_sell else ("wanted", "offered")
    begin = f"You {did} {offer.amount:,}, and {offer.traded:,} were traded"
    others = [o for o in all_offers if o.is_sell is not offer.is_sell and o.reason not in ODD_REASONS]
    if all(o.traded >= o.amount for o in others):
        return f"{begin}: in exchange you {'got' if offer.is_sell else 'gave'} all that you {other_did}."
    there = currency.wanted_amount if offer.is_sell else currency.offered_amount
    if currency.traded_amount >= there:
        return f"{begin}: all {there:,} that others {other_did} of this currency were traded."
    return f"{begin}: no more circle led through the other {offer.amount - offer.traded:,}."


def _why_no_price(currency: CurrencyResult, parameters: TurnParameters) -> str:
    if currency.debtor_info_locator is None:
        return "no document of this currency was known"
    if not currency.is_confirmed:
        return (
            "the currency was not confirmed: its debtor does not name its document, or no collector account was active"
        )
    return (
        "no usable pegs led from the currency to the base currency in at most "
        f"{parameters.max_distance_to_base:,} steps"
    )


def _why_one_sided(offer: Offer, all_offers: Sequence[Offer]) -> str:
    """His offers on the other side are none, or were left out for reasons of their own."""
    others = sum(o.is_sell is not offer.is_sell for o in all_offers)
    other_did = "wanted" if offer.is_sell else "offered"
    if others == 0:
        reason = f"you {other_did} nothing"
    elif others == 1:
        reason = f"the only thing that you {other_did} could not take part"
    else:
        reason = f"none of the {others:,} that you {other_did} could take part"
    return f"{reason}: " + ("who gives has to get something, too" if offer.is_sell else "who gets has to give, too")


def _why_no_circle(offer: Offer, currency: CurrencyResult) -> str:
    if offer.is_sell:
        count, there, did, other_did = currency.buy_offers, currency.wanted_amount, "offered", "wanted"
        here = currency.offered_amount
    else:
        count, there, did, other_did = currency.sell_offers, currency.offered_amount, "wanted", "offered"
        here = currency.wanted_amount
    traders = "1 trader" if count == 1 else f"{count:,} traders"
    if count == 0:
        return f", and nobody {other_did} this currency"
    if currency.traded_amount >= there:
        return f"; all {there:,} that {traders} {other_did} were traded with others, of {here:,} {did} in all"
    if currency.traded_amount == 0:
        return f"; {traders} {other_did} {there:,}, but no circle led from what you want back to what you give"
    return (
        f"; {traders} {other_did} {there:,}, of which {currency.traded_amount:,} were traded, and no circle led "
        "through your offer and the rest"
    )
