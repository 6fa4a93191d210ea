"""Which message types exist, and who consumes and who publishes them."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.messages import internal as wire_internal
from bridge.messages import smp as wire_smp
from bridge.messages.types import WireMessage
from bridge.wire.topology import CREDITORS_IN, DEFAULT_EXCHANGE, TO_TRADE

SMP_SENT: tuple[type[WireMessage], ...] = (
    wire_smp.ConfigureAccount,
    wire_smp.PrepareTransfer,
    wire_smp.FinalizeTransfer,
)
SMP_RECEIVED: tuple[type[WireMessage], ...] = (
    wire_smp.RejectedConfig,
    wire_smp.AccountUpdate,
    wire_smp.AccountPurge,
    wire_smp.AccountTransfer,
    wire_smp.RejectedTransfer,
    wire_smp.PreparedTransfer,
    wire_smp.FinalizedTransfer,
)
NOTIFICATIONS: tuple[type[WireMessage], ...] = (
    wire_smp.UpdatedLedger,
    wire_smp.UpdatedPolicy,
    wire_smp.UpdatedFlags,
)
INTERNAL: tuple[type[WireMessage], ...] = (
    wire_internal.FetchDebtorInfo,
    wire_internal.StoreDocument,
    wire_internal.DiscoverDebtor,
    wire_internal.ConfirmDebtor,
    wire_internal.ActivateCollector,
    wire_internal.CandidateOffer,
    wire_internal.NeededCollector,
    wire_internal.ReviseAccountLock,
    wire_internal.TriggerTransfer,
    wire_internal.AccountIdRequest,
    wire_internal.AccountIdResponse,
    wire_internal.StartSending,
    wire_internal.StartDispatching,
)

STRUCTS: dict[str, type[WireMessage]] = {
    struct.__name__: struct for struct in (*SMP_SENT, *SMP_RECEIVED, *NOTIFICATIONS, *INTERNAL)
}
SMP_SENT_TYPES = tuple(struct.__name__ for struct in SMP_SENT)
INTERNAL_TYPES = tuple(struct.__name__ for struct in INTERNAL)
OUTGOING_TYPES = SMP_SENT_TYPES + INTERNAL_TYPES
CONSUMED_TYPES = frozenset(struct.__name__ for struct in (*SMP_RECEIVED, *NOTIFICATIONS, *INTERNAL))

# What is taken, by the exchange that a message was published to. The broker keeps that name on the way through others.
# Accounting authorities reach `creditors_in`, and must not say what only shards and the creditors agent have to say.
# What operators put back from the dead letters comes by the default exchange.
TAKEN_FROM: Mapping[str, frozenset[str]] = {
    CREDITORS_IN: frozenset(struct.__name__ for struct in SMP_RECEIVED),
    TO_TRADE: CONSUMED_TYPES,
    DEFAULT_EXCHANGE: CONSUMED_TYPES,
}

# The field each type is sharded by.
SHARDING_FIELDS = {name: struct.sharding_field for name, struct in STRUCTS.items()}
