"""The demo: an invented economy trades, from wallets to money moved, and everything is checked afterwards."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status

from bridge.rabbitmq.setup import TopologyError
from bridge.wire.ports import PublishError, SourceError
from pipelines.solver.report import Report
from pipelines.texts import shown
from pipelines.turns.roll import TurnSettings
from reports.solution_text import share
from sandbox.authority import AuthoritySettings
from sandbox.creditors.agent import AgentSettings
from sandbox.economy.economy import Economy
from sandbox.economy.generator import make_economy
from sandbox.economy.life import Life
from sandbox.economy.setup import set_up
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID
from sandbox.report.circles import sentences, told_circles
from sandbox.report.outcome import judge
from sandbox.report.page import Moment, Story, shown_circle, shown_wallet, write_report
from sandbox.report.wallets import pocket_sentence
from sandbox.report.wording import base_value
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import Exchange, InProcessExchange, RabbitExchange
from sandbox.world.world import Stuck, World, WorldSettings
from sql.statuses import TurnPhase

MIN_TRADE_AMOUNT = 1000
AMOUNT_CUT = 1e-5
PURCHASES = 2
"""For each trader, between two turns."""
PAUSE_SECONDS = 5.0
MOST_LINES = 4
"""Of a circle, or a wallet, on the terminal."""
MAX_TURNS = 3
"""The first turn finds which collectors are needed; normally the second one trades."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the demo shows."""

    traders: int = 300
    currencies: int = 30
    shards: int = 2
    seed: int = 1
    broker_url: str | None = None
    keep: bool = False


@dataclass(slots=True)
class Progress:
    """Tells people how far the run is, and remembers it for the report."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    moments: list[Moment] = field(default_factory=list)
    _status: Status | None = None
    _phase: str = ""
    _counts: str = ""

    @contextmanager
    def doing(self, what: str, name: str = "") -> Iterator[None]:
        """One line for a part of the run: what it is, then how long it took. `name` is short, for the report."""
        self._phase, self._counts = name or what, ""
        began = time.monotonic()
        with self.console.status(f"{what} …") as self._status:
            yield
        now = time.monotonic()
        self.console.print(f"[dim]{now - self.started:6.1f} s[/]  {what}  [dim]{now - began:.1f} s[/]", highlight=False)

    def note(self, world: World) -> None:
        """Shows and remembers where the run is."""
        moment = Moment(
            seconds=time.monotonic() - self.started,
            phase=self._phase,
            messages=world.messages,
            offers=world.offers(),
            documents=world.documents.fetches(),
        )
        self.moments.append(moment)
        self._counts = f" [dim]({moment.messages:,} messages"
        self._counts += f", {moment.documents:,} documents" if moment.documents else ""
        self._counts += f", {moment.offers:,} offers)[/]" if moment.offers else ")[/]"
        if self._status is not None:
            self._status.update(f"{self._phase}{self._counts}")


@dataclass(frozen=True, slots=True)
class Databases:
    """Where a world's databases are, for whoever looks at them."""

    solver: str
    workers: tuple[str, ...]


Dashboard = Callable[[Databases], AbstractContextManager[str]]
"""Opens the dashboard on these databases; gives its address."""


def run_demo(scene: Scene, report_dir: Path, dashboard: Dashboard | None = None, turns: int | None = None) -> bool:
    """Runs the scene and writes the report. Returns whether all was well; says on the terminal what was not.

    With a `dashboard` it goes on, turn after turn, until it is interrupted, or for so many `turns` more.
    """
    console = Console()
    try:
        return _run(scene, report_dir, Progress(console), dashboard, turns)
    except (Stuck, SourceError, PublishError, TopologyError) as error:
        console.print(f"The demo stopped: {shown(error)}", style="red", markup=False)
        return False


def _run(scene: Scene, report_dir: Path, progress: Progress, dashboard: Dashboard | None, turns: int | None) -> bool:
    with ExitStack() as closing:
        with progress.doing(f"an economy of {scene.traders:,} traders and {scene.currencies:,} currencies"):
            economy = make_economy(scene.seed, scene.traders, scene.currencies)
        with progress.doing(f"a PostgreSQL server, {scene.shards} worker databases and the solver's"):
            server = closing.enter_context(PrivateServer())
            documents = closing.enter_context(DocumentServer())
            world = closing.enter_context(
                World(server, _exchange(scene), scene.shards, pace_of(economy, documents), documents)
            )
        story = trade(world, economy, progress)
        scene_facts = {name: value for name, value in asdict(scene).items() if name not in ("keep", "broker_url")}
        write_report(report_dir, story, progress.moments, scene_facts)
        for line in (*told(story), f"The report: {report_dir / 'index.html'}"):
            progress.console.print(line, highlight=False, soft_wrap=True)
        if dashboard is not None:
            databases = Databases(world.url("solver"), tuple(world.url(shard.place.database) for shard in world.shards))
            address = closing.enter_context(dashboard(databases))
            progress.console.print(f"The dashboard: {address}\nTrade goes on, turn after turn. Ctrl-C ends it.")
            try:
                story = _go_on(world, economy, scene, turns, progress, partial(write_report, report_dir)) or story
            except KeyboardInterrupt:
                progress.console.print("\nEnded.")
        if scene.keep:
            _keep(server, progress.console)
        return not story.outcome.problems()


def _go_on(
    world: World,
    economy: Economy,
    scene: Scene,
    turns: int | None,
    progress: Progress,
    write: Callable[[Story, list[Moment], dict[str, Any]], None],
) -> Story | None:
    """People earn and spend, and trade again. Returns the last turn's story; one with problems is the last."""
    life = Life(economy, world.authority, scene.seed)
    quiet = Progress(Console(quiet=True), progress.started)
    story = None
    for _ in itertools.count() if turns is None else range(turns):
        # Not too fast for somebody who looks at it.
        pause = time.monotonic() + PAUSE_SECONDS
        purchases = life.go_on(PURCHASES * scene.traders)
        world.step_until(lambda ends=pause: time.monotonic() > ends, "a pause", timedelta(minutes=1))  # type: ignore[misc]
        world.settle(timedelta(minutes=2))
        turn = world.turn()
        number = (turn[0] if turn else 0) + 1
        story = _trade_once(world, economy, number, quiet)
        write(story, quiet.moments, {"turn": number})
        value = base_value(economy, story.report.traded_value or 0.0)
        progress.console.print(
            f"turn {number}: after {purchases:,} purchases {value} traded by {len(story.outcome.flows):,} traders",
            highlight=False,
        )
        if story.outcome.problems():
            for problem in story.outcome.problems():
                progress.console.print(problem, style="red", markup=False)
            break
    return story


def _exchange(scene: Scene) -> Exchange:
    return RabbitExchange(scene.broker_url) if scene.broker_url else InProcessExchange()


def pace_of(economy: Economy, documents: DocumentServer) -> WorldSettings:
    """Days become seconds: phases just long enough for an economy of this size on a small machine."""
    phase2 = timedelta(seconds=4 + len(economy.accounts) / 1500)
    period = timedelta(seconds=2)
    now = datetime.now(UTC)
    return WorldSettings(
        turn=TurnSettings(
            period=period,
            # The first starting point of turns is now.
            offset=(now - datetime(2024, 1, 1, tzinfo=UTC)) % period,
            phase1_duration=timedelta(seconds=1),
            phase2_duration=phase2,
            base_debtor_info_locator=documents.locator(economy.base_debtor_id),
            base_debtor_id=economy.base_debtor_id,
            max_distance_to_base=10,
            min_trade_amount=MIN_TRADE_AMOUNT,
            max_commit_period=timedelta(days=30),
        ),
        worker={
            "TRANSFERS_AMOUNT_CUT": str(AMOUNT_CUT),
            "TRANSFERS_HEALTHY_MAX_COMMIT_DELAY": "30s",
            "APP_TURN_PHASE_CUSHION_PERIOD": "2s",
        },
        authority=AuthoritySettings(
            credit_delay=timedelta(milliseconds=20),
            update_merge_delay=timedelta(seconds=2),
            pass_period=timedelta(seconds=5),
        ),
        agent=AgentSettings(ledger_period=timedelta(milliseconds=200)),
    )


def trade(world: World, economy: Economy, progress: Progress) -> Story:
    """Wallets, a turn that looks for collectors, a turn that trades, and the payments until all is done."""
    with progress.doing("wallets filled, policies set, and the workers told of them", "wallets"):
        set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(timedelta(minutes=5)))
        progress.note(world)
    for turn in range(1, MAX_TURNS + 1):
        story = _trade_once(world, economy, turn, progress, is_last=turn == MAX_TURNS)
        if story.report.offers:
            break
    return story


def _trade_once(world: World, economy: Economy, turn_id: int, progress: Progress, *, is_last: bool = True) -> Story:
    """A turn from its start until everything is paid. What it was, with a judgement on it."""
    before = world.settlement()
    report = _run_turn(world, turn_id, progress)
    if report.offers or is_last:
        with progress.doing("the payments are on their way", "payments"):
            world.step_until(lambda: _is_finished(world, progress), "paying", timedelta(minutes=5), turns=False)
            world.settle(timedelta(minutes=2))
            progress.note(world)
    state, after = world.turn(), world.settlement()
    outcome = judge(
        economy,
        before,
        after,
        amount_cut=AMOUNT_CUT,
        collectors=range(DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID + 1),
        reached_phase_4=state is not None and state[1] == TurnPhase.DONE,
        leftovers=world.leftovers(),
    )
    circles, untraded = world.insight(turn_id)
    reasons = {(creditor_id, debtor_id): reason for creditor_id, debtor_id, _, reason in untraded.iter_rows()}
    return Story(economy, outcome, report, before, after, told_circles(circles), reasons)


def _run_turn(world: World, number: int, progress: Progress) -> Report:
    """One turn from its start to phase 4; afterwards everything it set off has been done, apart from payments."""
    purposes = {
        TurnPhase.CURRENCY_INFORMATION: "what are the currencies",
        TurnPhase.OFFERS: "who wants to buy and sell",
        TurnPhase.GIVING_AND_TAKING: "giving and taking",
    }
    limit = world.settings.turn.phase2_duration * 3 + timedelta(minutes=2)
    world.step_until(lambda: (world.turn() or (0, 0))[0] >= number, "starting a turn", limit, turns=True)

    def has_passed(phase: int) -> bool:
        progress.note(world)
        state = world.turn()
        return state is not None and state[1] > phase

    for phase, purpose in purposes.items():
        with progress.doing(f"turn {number}, phase {phase}: {purpose}", f"turn {number}, phase {phase}"):
            world.step_until(partial(has_passed, phase), f"phase {phase}", limit, turns=True)
    report = world.solver_reports[number]
    if not report.offers:
        with progress.doing("nobody can trade yet: accounts for it are being opened"):
            world.settle(timedelta(minutes=2))
            progress.note(world)
    return report


def _is_finished(world: World, progress: Progress) -> bool:
    progress.note(world)
    leftovers = world.leftovers()
    return not (leftovers.account_locks or leftovers.transfer_attempts or leftovers.dispatching_statuses)


def told(story: Story) -> Iterator[str]:
    """The outcome in a few lines: the whole, one circle, one wallet, and whether all is well."""
    economy, report = story.economy, story.report
    yield (
        f"[bold]{base_value(economy, report.traded_value or 0.0)} traded[/], {share(report)} of what is possible; "
        f"{len(story.outcome.flows):,} of {report.traders:,} traders served"
    )
    circle = shown_circle(story)
    if circle is not None:
        yield f"One of the circles; everybody gives and gets {base_value(economy, circle.value)}:"
        yield from (f"  {shown(sentence)}" for sentence in sentences(economy, circle)[:MOST_LINES])
    wallet = shown_wallet(story)
    if wallet is not None:
        yield f"The wallet of {shown(economy.trader_by_id[wallet[0]].name)}:"
        for pocket in wallet[1][: MOST_LINES - 1]:
            yield f"  {pocket_sentence(economy, pocket)}"
    problems = story.outcome.problems()
    yield from (f"[red]{problem}[/]" for problem in problems)
    if not problems:
        yield "[green]No money was lost or made, and nothing was left behind.[/]"


def _keep(server: PrivateServer, console: Console) -> None:
    """Leaves the databases behind, and says how to look at them."""
    url = server.database_url("solver")
    console.print(
        f"The databases are kept. Start their server again with:\n  {server.keep()}", highlight=False, soft_wrap=True
    )
    console.print(
        f"and look at them with, for example:\n  psql {url}\n"
        f"  SOLVER_POSTGRES_URL={url} swpt-trade export_turn 2 turn-2",
        highlight=False,
        soft_wrap=True,
    )
