"""Many seeds on several processors: each process has a server of its own, and takes the next seed when it is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from tests.simulation.databases import SimulationServer
from tests.simulation.driver import Run, SimulationFailure, run_seed

# A new interpreter: nothing that happened in this one may decide anything there.
_CONTEXT = get_context("spawn")


def run_seeds(seeds: Sequence[int], processes: int) -> Iterator[tuple[int, Run | str]]:
    """Runs the seeds. Yields each with its run, or with the words of its failure, in the order in which they end.

    Raises EOFError when a process dies. Closing the iterator ends the processes, and their servers with them.
    """
    waiting = iter(seeds)
    workers = {}
    try:
        for _ in range(processes):
            ours, theirs = _CONTEXT.Pipe()
            worker = _CONTEXT.Process(target=_work, args=(theirs,), daemon=True)
            worker.start()
            theirs.close()
            workers[ours] = worker
            ours.send(next(waiting, None))
        busy = list(workers)
        while busy:
            for connection in wait(busy):
                assert isinstance(connection, Connection)
                answer = connection.recv()
                if answer is None:
                    busy.remove(connection)
                else:
                    connection.send(next(waiting, None))
                    yield answer
    finally:
        for connection, worker in workers.items():
            connection.close()
            worker.join()


def _work(connection: Connection) -> None:
    """Runs seeds as they come, until there are no more, or nobody wants to hear of them."""
    with SimulationServer() as server:
        try:
            while (seed := connection.recv()) is not None:
                try:
                    outcome: Run | str = run_seed(server, seed)
                except SimulationFailure as failure:
                    outcome = str(failure)
                connection.send((seed, outcome))
            connection.send(None)
        except (EOFError, ConnectionError):
            return
