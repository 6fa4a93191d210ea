"""Takes a circulation apart into simple cycles, wide ones first. All numbers are integers, and the sums exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Circulation:
    """Edges with a flow, in a graph whose nodes are numbers below `nodes`; into each node goes what comes out."""

    tail: np.ndarray
    head: np.ndarray
    flow: np.ndarray
    nodes: int


ROUGH_BITS = 12
"""Cycles of less than a part of 2 ** ROUGH_BITS of the widest are not told apart by their width."""

Cycle = tuple[int, list[int]]
"""The flow of a cycle, and its edges in their order."""


def circles_of(graph: Circulation, enough: int) -> list[Cycle]:
    """At least `enough` cycles, if there are so many, in the order in which they are taken out of the flow.

    Those of a level (a power of two) have at least its value, and afterwards none is left that has.
    """
    flow = graph.flow.copy()
    found: list[Cycle] = []
    level = 1 << max(int(flow.max(initial=0)).bit_length() - 1, 0)
    while level and len(found) < enough:
        edges = _without_dead_ends(graph, np.flatnonzero(flow >= level))
        if edges.size:
            found += _take_out(graph, flow, edges, level, None)
        level >>= 1
    return found


def circles_through(graph: Circulation, node: int, enough: int) -> list[Cycle]:
    """At least `enough` cycles through a node, if there are so many: wide ones first, and short ones of these.

    Without a limit they carry all that goes through the node. No other cycle is taken out.
    """
    flow = graph.flow.copy()
    by_head = np.argsort(graph.head, kind="stable")
    found: list[Cycle] = []
    top = 1 << max(int(flow[graph.tail == node].max(initial=0)).bit_length() - 1, 0)
    levels = [top >> shift for shift in range(0, ROUGH_BITS, 2)]
    for level in dict.fromkeys([*filter(None, levels), 1]):
        while len(found) < enough:
            edges = by_head[flow[by_head] >= level]
            edges = _without_dead_ends(graph, edges[_is_shortest(graph, edges, node)])
            if edges.size == 0:
                break
            found += _take_out(graph, flow, edges, level, node)
    return found


def _is_shortest(graph: Circulation, edges: np.ndarray, node: int) -> np.ndarray:
    """Which edges (sorted by their heads) may be part of a shortest cycle through the node."""
    tail, head = graph.tail[edges], graph.head[edges]
    first = np.searchsorted(head, np.arange(graph.nodes + 1))
    nexts = head[tail == node]
    distance = np.full(graph.nodes, -2)
    distance[node] = 0
    reached = np.array([node])
    steps = 0
    # Back from the node, until something is reached to which it leads itself.
    while reached.size and not (distance[nexts] >= 0).any():
        steps += 1
        count = first[reached + 1] - first[reached]
        skipped = np.cumsum(count) - count
        before = tail[np.repeat(first[reached] - skipped, count) + np.arange(count.sum())]
        distance[before[distance[before] < 0]] = steps
        reached = np.flatnonzero(distance == steps)
    is_shortest: np.ndarray = np.where(tail == node, distance[head] >= 0, distance[tail] == distance[head] + 1)
    return is_shortest


def _without_dead_ends(graph: Circulation, edges: np.ndarray) -> np.ndarray:
    """The edges without those that lead to, or come from, a node with nothing on its other side, and so on."""
    while edges.size:
        tail, head = graph.tail[edges], graph.head[edges]
        comes_out = np.bincount(tail, minlength=graph.nodes) > 0
        goes_in = np.bincount(head, minlength=graph.nodes) > 0
        is_kept = comes_out[head] & goes_in[tail]
        if is_kept.all():
            break
        edges = edges[is_kept]
    return edges


def _take_out(graph: Circulation, flow: np.ndarray, edges: np.ndarray, level: int, only: int | None) -> list[Cycle]:
    """Takes cycles of at least `level` out of `flow` until the edges have none left, or none from the node `only`.

    A depth-first walk that takes the widest edge first. What closes its path is a cycle; a node with no way out is
    left for good, since flows only become less.
    """
    order = edges[np.lexsort((edges, -flow[edges], graph.tail[edges]))]
    tails = graph.tail[order]
    tail, head, left = tails.tolist(), graph.head[order].tolist(), flow[order].tolist()
    nodes = np.unique(tails)
    at = dict(zip(nodes.tolist(), np.searchsorted(tails, nodes).tolist(), strict=True))
    end = dict(zip(nodes.tolist(), np.searchsorted(tails, nodes, side="right").tolist(), strict=True))
    cycles: list[Cycle] = []
    for start in nodes.tolist() if only is None else [only]:
        path: list[int] = []
        place = {start: 0}
        node = start
        while True:
            edge, last = at.get(node, 0), end.get(node, 0)
            while edge < last and (left[edge] < level or at.get(head[edge], 0) >= end.get(head[edge], 0)):
                edge += 1
            at[node] = edge
            if edge >= last:
                if not path:
                    break
                del place[node]
                node = tail[path.pop()]
                continue
            path.append(edge)
            node = head[edge]
            if node not in place:
                place[node] = len(path)
                continue
            cycle = path[place[node] :]
            del path[place[node] :]
            value = min(left[step] for step in cycle)
            for step in cycle:
                left[step] -= value
                if tail[step] != node:
                    del place[tail[step]]
            cycles.append((value, cycle))
    flow[order] = left
    numbers = order.tolist()
    return [(value, [numbers[step] for step in cycle]) for value, cycle in cycles]
