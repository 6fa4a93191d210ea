"""Names of settings that other releases of the service use, and that stand in the environments of installations."""

from __future__ import annotations

from collections.abc import Mapping

ALIASES: Mapping[str, str] = {
    "APP_COLLECTOR_TRANSFERS_LIMIT": "TRANSFERS_COLLECTOR_LIMIT",
    "APP_DELAYED_ACCOUNT_TRANSFERS_SCAN_BEAT_MILLISECS": "APP_EARLY_ARRIVALS_SCAN_BEAT_MILLISECS",
    "APP_DELAYED_ACCOUNT_TRANSFERS_SCAN_BLOCKS_PER_QUERY": "APP_EARLY_ARRIVALS_SCAN_BLOCKS_PER_QUERY",
    "APP_DELAYED_ACCOUNT_TRANSFERS_SCAN_DAYS": "APP_EARLY_ARRIVALS_SCAN_DAYS",
    "APP_FLUSH_ACCOUNT_ID_REQUEST_BURST_COUNT": "APP_ACCOUNT_ID_REQUEST_BURST_COUNT",
    "APP_FLUSH_ACCOUNT_ID_RESPONSE_BURST_COUNT": "APP_ACCOUNT_ID_RESPONSE_BURST_COUNT",
    "APP_FLUSH_START_DISPATCHING_BURST_COUNT": "APP_START_DISPATCHING_BURST_COUNT",
    "APP_FLUSH_START_SENDING_BURST_COUNT": "APP_START_SENDING_BURST_COUNT",
    "APP_HTTP_FETCH_PERIOD": "HTTP_FETCH_PERIOD",
    "APP_ROLL_TURNS_WAIT": "TURN_CHECK_INTERVAL",
}
"""By alias, the setting that it stands for."""

WITHOUT_EFFECT = frozenset(
    {
        "APP_COLLECTOR_ACTIVITY_MIN_DAYS",
        "APP_DELAYED_ACCOUNT_TRANSFERS_EXPIRY_DAYS",
        "APP_FLUSH_CALCULATE_SURPLUS_BURST_COUNT",
        "APP_FLUSH_REPLAYED_ACCOUNT_TRANSFERS_BURST_COUNT",
        "APP_SURPLUS_BLOCKING_DELAY_DAYS",
        "TOKEN_INTROSPECTION_CACHE_MAX_COST",
    }
)
"""Settings of other releases about what is done otherwise here, or not at all. Any value is accepted."""

KNOWN = frozenset({*ALIASES, *WITHOUT_EFFECT})


def with_aliases(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the settings that only their aliases are set for."""
    return {**environ, **{name: environ[alias] for name, alias in in_use(environ).items()}}


def in_use(environ: Mapping[str, str]) -> dict[str, str]:
    """By setting, the alias that it has its value from."""
    return {
        name: alias
        for alias, name in ALIASES.items()
        if environ.get(alias, "").strip() and not environ.get(name, "").strip()
    }


def overruled(environ: Mapping[str, str]) -> list[str]:
    """One line for each alias that does not count, as what it stands for is set to something else."""
    return [
        f"{alias} is ignored, since {name} is set, too: it stands for the same"
        for alias, name in ALIASES.items()
        if environ.get(name, "").strip() not in ("", environ.get(alias, "").strip()) and environ.get(alias, "").strip()
    ]


def without_effect(environ: Mapping[str, str]) -> list[str]:
    """At most one line: which variables are accepted and have no effect here."""
    found = sorted(WITHOUT_EFFECT & environ.keys())
    return [f"settings of other releases that have no effect in this one: {', '.join(found)}"] if found else []
