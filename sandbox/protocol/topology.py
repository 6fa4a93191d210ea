"""The queues of the sandbox's peers. A worker's topology must be declared before."""

from __future__ import annotations

from bridge.wire.topology import CREDITORS_IN, Binding, Queue, Topology, peer_topology

AUTHORITY_QUEUE = "sandbox.authority"
CREDITORS_QUEUE = "sandbox.creditors"


def sandbox_topology(prefix: str = "") -> Topology:
    """One queue with everything for authorities, and one with what is for the creditors agent."""
    authority = peer_topology(AUTHORITY_QUEUE, "#", prefix)
    return Topology(
        exchanges=authority.exchanges,
        queues=(*authority.queues, Queue(prefix + CREDITORS_QUEUE)),
        bindings=(
            *authority.bindings,
            Binding(
                prefix + CREDITORS_IN,
                prefix + CREDITORS_QUEUE,
                destination_is_queue=True,
                arguments={"x-match": "all", "ca-creditors": True},
            ),
        ),
    )
