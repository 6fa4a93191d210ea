"""The demo: an invented economy trades once, from wallets to money moved, and everything is checked afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.table import Table

from bridge.rabbitmq.setup import TopologyError
from bridge.wire.ports import PublishError, SourceError
from pipelines.solver.report import Report
from pipelines.turns.roll import TurnSettings
from sandbox.authority import AuthoritySettings
from sandbox.creditors.agent import AgentSettings
from sandbox.economy.economy import Economy
from sandbox.economy.generator import make_economy
from sandbox.economy.setup import set_up
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID
from sandbox.report.circles import Circle, find_circles, tell
from sandbox.report.outcome import Outcome, judge
from sandbox.report.page import Moment, write_report
from sandbox.report.wording import base_value, sentence
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import Exchange, InProcessExchange, RabbitExchange
from sandbox.world.world import Stuck, World, WorldSettings
from sql.statuses import TurnPhase

MIN_TRADE_AMOUNT = 1000
AMOUNT_CUT = 1e-5
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
        self.console.print(
            f"[dim]{now - self.started:6.1f} s[/]  {what}{self._counts}  [dim]{now - began:.1f} s[/]", highlight=False
        )

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


def run_demo(scene: Scene, report_dir: Path) -> bool:
    """Runs the scene and writes the report. Returns whether all was well; says on the terminal what was not."""
    console = Console()
    try:
        return _run(scene, report_dir, Progress(console))
    except (Stuck, SourceError, PublishError, TopologyError) as error:
        console.print(f"[red]The demo stopped: {error}[/]")
        return False


def _run(scene: Scene, report_dir: Path, progress: Progress) -> bool:
    with ExitStack() as closing:
        with progress.doing(f"an economy of {scene.traders:,} traders and {scene.currencies:,} currencies"):
            economy = make_economy(scene.seed, scene.traders, scene.currencies)
        with progress.doing(f"a PostgreSQL server, {scene.shards} worker databases and the solver's"):
            server = closing.enter_context(PrivateServer())
            documents = closing.enter_context(DocumentServer())
            world = closing.enter_context(
                World(server, _exchange(scene), scene.shards, pace_of(economy, documents), documents)
            )
        outcome, report = trade(world, economy, progress)
        circles = find_circles(economy, outcome.flows, 10)
        scene_facts = {name: value for name, value in asdict(scene).items() if name not in ("keep", "broker_url")}
        write_report(report_dir, economy, outcome, report, circles, progress.moments, scene_facts)
        _tell(progress.console, economy, outcome, report, circles)
        progress.console.print(f"\nThe report: {report_dir / 'index.html'}")
        if scene.keep:
            _keep(server, progress.console)
        return not outcome.problems()


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


def trade(world: World, economy: Economy, progress: Progress) -> tuple[Outcome, Report]:
    """Wallets, a turn that looks for collectors, a turn that trades, and the payments until all is done."""
    with progress.doing("wallets filled, policies set, and the workers told of them", "wallets"):
        set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(timedelta(minutes=5)))
        progress.note(world)
    for turn in range(1, MAX_TURNS + 1):
        before = world.settlement()
        report = _run_turn(world, turn, progress)
        if report.offers:
            break
    with progress.doing("the payments are on their way", "payments"):
        world.step_until(lambda: _is_finished(world, progress), "paying", timedelta(minutes=5), turns=False)
        world.settle(timedelta(minutes=2))
        progress.note(world)
    state = world.turn()
    outcome = judge(
        economy,
        before,
        world.settlement(),
        amount_cut=AMOUNT_CUT,
        collectors=range(DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID + 1),
        reached_phase_4=state is not None and state[1] == TurnPhase.DONE,
        leftovers=world.leftovers(),
    )
    return outcome, report


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
        with progress.doing("collectors open accounts, the currencies' documents are fetched"):
            world.settle(timedelta(minutes=2))
            progress.note(world)
        active, wanted = world.active_collectors()
        progress.console.print(
            f"          {active} of {wanted} collectors active, {world.documents.fetches()} documents fetched"
        )
    return report


def _is_finished(world: World, progress: Progress) -> bool:
    progress.note(world)
    leftovers = world.leftovers()
    return not (leftovers.account_locks or leftovers.transfer_attempts or leftovers.dispatching_statuses)


def _tell(console: Console, economy: Economy, outcome: Outcome, report: Report, circles: list[Circle]) -> None:
    """The outcome in words."""
    traded = base_value(economy, report.traded_value or 0.0)
    console.print(
        f"\n[bold]{traded} traded[/], {report.share_of_bound or 0.0:.4%} of what the market allows; "
        f"{len(outcome.flows):,} of {report.traders:,} traders with offers were served"
    )
    console.print("\nThe largest circles:")
    for circle in circles:
        console.print(f"  {base_value(economy, circle.value):>16}  {tell(economy, circle)}", highlight=False)
    console.print("\nThe largest trades:")
    for flow in outcome.flows[:10]:
        console.print(f"  {sentence(economy, flow)}", highlight=False)
    table = Table("currency", "in circulation", "moved", "kept by collectors", "conserved", title="Every token")
    moved: dict[int, int] = {}
    for flow in outcome.flows:
        for debtor_id, tokens in flow.given.items():
            moved[debtor_id] = moved.get(debtor_id, 0) + tokens
    for c in outcome.conservation:
        table.add_row(
            economy.currency_by_id[c.debtor_id].name,
            f"{c.after.circulating:,}",
            f"{moved.get(c.debtor_id, 0):,}",
            f"{c.with_collectors:,}",
            "[green]yes[/]" if c.is_conserved else "[red]NO[/]",
        )
    console.print(table)
    for problem in outcome.problems():
        console.print(f"[red]{problem}[/]")
    if not outcome.problems():
        console.print("[green]Locks left: none. Nothing set aside. Every token is accounted for.[/]")


def _keep(server: PrivateServer, console: Console) -> None:
    """Leaves the databases behind, and says how to look at them."""
    url = server.database_url("solver")
    console.print(
        f"The databases are kept. Start their server again with:\n  {server.keep()}", highlight=False, soft_wrap=True
    )
    console.print(f"and look at them with, for example:\n  psql {url}", highlight=False)
