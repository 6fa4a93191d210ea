"""How far the solver is, on the standard error: one line that changes on a terminal, a line per step elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from pipelines.solver.progress import Progress


class SolverProgress:
    """An observer of the solver, to be used in a `with` statement."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._display = Display(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._display.add_task("load", total=None)
        self._step = ""

    def __enter__(self) -> SolverProgress:
        self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    def __call__(self, progress: Progress) -> None:
        """Shows a moment of the solver."""
        if self._console.is_terminal:
            self._display.update(self._task, description=describe(progress))
        elif progress.step != self._step:
            self._console.print(f"{progress.seconds:8.1f} s  {describe(progress)}", highlight=False, soft_wrap=True)
        self._step = progress.step


def describe(progress: Progress) -> str:
    """The moment in words, as far as it is known."""
    parts = [f"{progress.step:10}"]
    if progress.offers is not None:
        parts.append(f"{progress.offers:,} offers in play")
    if progress.max_flows:
        parts.append(f"{progress.max_flows:,} maximum flows")
    if progress.traded_value is not None and progress.upper_bound:
        parts.append(f"{progress.traded_value / progress.upper_bound:.4%} of the bound")
    return "  ".join(parts)
