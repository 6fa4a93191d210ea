"""The numbers of the behaviour that this project has to have, each with a few words. Fixed: tests come and go.

V are worked examples and A those of the authority in the sandbox, see tests/coverage_vectors.py; G mends of known gaps
of the service that this one replaces; M decisions about messages, C about configuration, N about the newer release.
"""

from __future__ import annotations

from tests.coverage_vectors import AUTHORITY, VECTORS

GAPS: dict[int, str] = {
    1: "nobody gives more than offered, however many circles take part",
    2: "large amounts are exact",
    3: "no trade below the minimum, for nothing or in tiny amounts",
    4: "a wrong document of the base currency makes an empty turn, not an endless one",
    5: "payments that come before the result of the turn are kept",
    6: "a failed commit frees the seller",
    7: "payments below one token are given up",
    8: "an unknown recipient is asked for again and again",
    9: "an empty answer does not overwrite a known recipient",
    10: "an attempt that would pay nothing is given up",
    11: "unknown status codes are tried again",
    12: "a lost or rejected ConfigureAccount does not strand a collector",
    13: "heartbeats keep a currency known",
    14: "a purged collector account is replaced",
    15: "frozen documents are kept, and fetched again once a month",
    16: "turn numbers have 32 bits",
    17: "candidate offers take no row lock on the turn",
    18: "documents are fetched without holding locks, with a size limit, from public addresses",
    19: "an old confirmation does not bring back an old locator",
    20: "collectors are added and removed",
    21: "surpluses of collectors can be traded",
    22: "old rows do not pile up",
    23: "a worker wakes up in time to ship offers",
    24: "a hidden change of the interest rate costs nothing",
    25: "trading policies are loaded from the creditors agent",
    26: "collectors can be seen in the admin API",
    27: "a buyer whose payment never comes is freed",
    28: "an attempt without an answer times out",
    29: "a bad message stops no other",
    30: "an unroutable message stops no other",
    31: "collectors hear of payments that will not come",
    32: "a distance of 1 to the base is legal",
    33: "a moved document is noticed by a forced fetch",
    34: "chains of pegs of any length",
    35: "creditor 0 and collector 0 do not stop the solver",
    36: "a dead worker is reported",
    37: "internal messages stay in the database; a quorum queue may be declared beforehand",
    38: "nobody has thousands of collectors created",
    39: "demurrage and cut apply twice to money that passes two collectors",
    40: "a lock needs no row of its turn",
    41: "no commit after the collection deadline",
    42: "a recipient that is reachable again is paid",
    43: "accounts with money are not deleted on a guess; both databases find their collectors again",
    44: "a needed account that somebody scheduled for deletion is configured anew",
    45: "a solver that stepped back in time repeats no turn",
    46: "a worker that stepped back in time repeats no request",
    47: "a process works only with the database of its own shard",
    48: "moments from clocks that run ahead block nothing",
    49: "nobody's document replaces that of another currency",
    50: "internal messages come only by ways that authorities do not have",
}

MESSAGES: dict[int, str] = {
    1: "no plugin of the broker is needed",
    2: "at most 16 bits of prefix",
    3: "unroutable messages are kept apart",
    4: "waiting for confirms has an end",
    5: "nothing in a body breaks the parser",
    6: "no U+0000 and no lone surrogates",
    7: "another shard's queue, or a sender's mistake",
    8: "no prefetch size",
    9: "moments without offset are UTC",
    10: "moments within the years 1 to 9999",
    11: "moments are written in UTC",
    12: "integers and booleans are what they say",
    13: "floats are written with a point or an exponent",
    14: "replies to other coordinators are dead letters",
    15: "account IDs are ASCII",
    16: "where debtor 0 is refused",
    17: "length of addresses",
    18: "turn numbers in offers have 32 bits",
    19: "turn numbers in notes are decimal",
    20: "swpt: addresses and type names to the letter",
    21: "pegs to other schemes",
    22: "every hop is HTTPS",
    23: "size of documents",
    24: "the time of a fetch begins when it does",
    25: "frozen documents",
    26: "a distance of 1 to the base is legal",
    27: "what a locator may be",
    28: "discovery on heartbeats",
    29: "collector accounts that were created anew",
    30: "the notice of a payment that will not come",
}

CONFIGURATION: dict[int, str] = {
    1: "booleans",
    2: "ID literals",
    3: "empty values",
    4: "infinite values",
    5: "everything is parsed at the start",
    6: "settings that solver and workers share",
    7: "default of the turns' offset",
    8: "prefetch size",
    9: "default of WORKER_POSTGRES_URL",
    10: "variables of later releases",
    11: "days of scans",
    12: "what configure does",
    13: "a process that ends is started again",
    14: "exit status after SIGTERM",
    15: "pauses before starting again",
    16: "options with the value 0",
    17: "commands to flush all types",
    18: "flushing is fair",
    19: "who the user is",
    20: "the header of the proxy is trusted",
    21: "creditor numbers that are too large",
    22: "errors of clients",
    23: "content types of requests",
    24: "the documented pattern",
}

NEWER: dict[str, str] = {
    "N1.3": "transfer_kind is accepted beside is_dispatching",
    "N1.4": "payments that move surpluses have no effect",
    "N2.8": "the currencies with the most buyers",
    "N4.2": "payments of turns far ahead are not kept",
    "N5.1": "two names of one broker are noticed",
    "N5.2": "messages between shards have a broker of their own, or a queue of an earlier set-up is emptied",
    "N5.3": "queues that exist are used as they are",
    "N6.2": "a shard is split without its children's databases, and drained without sending",
    "N7.1": "databases of the earlier service are imported, with a mark, and a crash is repaired by repetition",
    "N7.2": "a new worker database that knows no collector has no account deleted",
}

# The same thing under another number: its tests count for both.
ALSO: dict[str, tuple[str, ...]] = {
    "G1": ("V5.5", "V13.1"),
    "G3": ("V5.9",),
    "G5": ("V12.6", "V13.16"),
    "G6": ("V13.2", "V13.3"),
    "G7": ("V13.4",),
    "G8": ("V13.5", "V13.21"),
    "G9": ("V13.6",),
    "G10": ("V13.7",),
    "G11": ("V13.8",),
    "G13": ("V13.9",),
    "G15": ("V13.10",),
    "G16": ("V13.11",),
    "G19": ("V12.10",),
    "G24": ("V13.12",),
    "G27": ("V13.22",),
    "G28": ("V13.13",),
    "G30": ("M3",),
    "G31": ("V13.15", "V13.16", "V13.17"),
    "G33": ("V13.14",),
    "G41": ("V13.18",),
    "G42": ("V13.20",),
    "G43": ("V8.14", "V8.15"),
    "M8": ("C8",),
    "M18": ("G16", "V13.11"),
    "M26": ("G32",),
    "M28": ("G13", "V13.9"),
}

# Nothing to test yet: what is not built. A number leaves this set when its first test comes.
NOT_YET: frozenset[str] = frozenset()


def all_words() -> dict[str, str]:
    """Every number with its words, in the order of the tables."""
    tables = (("A", AUTHORITY), ("G", GAPS), ("M", MESSAGES), ("C", CONFIGURATION))
    others = {f"{letter}{n}": words for letter, table in tables for n, words in table.items()}
    return {**VECTORS, **others, **NEWER}
