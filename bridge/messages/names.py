"""The names of all message types. Apart from their classes, so that commands load only the names."""

from __future__ import annotations

SMP_SENT_TYPES = ("ConfigureAccount", "PrepareTransfer", "FinalizeTransfer")
"""To accounting authorities."""

SMP_RECEIVED_TYPES = (
    "RejectedConfig",
    "AccountUpdate",
    "AccountPurge",
    "AccountTransfer",
    "RejectedTransfer",
    "PreparedTransfer",
    "FinalizedTransfer",
)
"""From accounting authorities."""

NOTIFICATION_TYPES = ("UpdatedLedger", "UpdatedPolicy", "UpdatedFlags")
"""From the creditors agent."""

INTERNAL_TYPES = (
    "FetchDebtorInfo",
    "StoreDocument",
    "DiscoverDebtor",
    "ConfirmDebtor",
    "ActivateCollector",
    "CandidateOffer",
    "NeededCollector",
    "ReviseAccountLock",
    "TriggerTransfer",
    "AccountIdRequest",
    "AccountIdResponse",
    "StartSending",
    "StartDispatching",
)
"""Between shards."""

OUTGOING_TYPES = SMP_SENT_TYPES + INTERNAL_TYPES
CONSUMED_TYPES = frozenset((*SMP_RECEIVED_TYPES, *NOTIFICATION_TYPES, *INTERNAL_TYPES))
