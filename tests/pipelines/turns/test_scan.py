"""The pace of scans, in invented time, and the scanner on a real database."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from pipelines.turns.scan import (
    FEWEST_ROWS,
    LANE_TRIES,
    MOST_ROWS,
    Pace,
    Scanner,
    Step,
    Walk,
    block_count,
    scan_everything,
)
from sql.scans import SCANS
from tests.conftest import Connection

DAY = 86400.0
ALL = frozenset(range(8))
NOTHING = Step(0, ALL, 8)


class Table:
    """A table of so many blocks, and a walk through it."""

    def __init__(self, blocks: int, days: float = 1.0, start: int = 0) -> None:
        self.blocks = blocks
        self.now = 0.0
        self.walk = Walk(Pace(timedelta(days=days)), self.now, lambda _: start)
        self.steps: list[tuple[float, int, int]] = []
        self.passes: list[float] = []

    def step(self, result: Step = NOTHING, seconds: float = 0.001) -> None:
        """Waits until the next step is due and takes it."""
        self.now = max(self.now, self.walk.due_at(self.blocks))
        self.steps.append((self.now, *self.walk.blocks(self.blocks)))
        if self.walk.record(result, seconds, self.now + seconds, self.blocks):
            self.passes.append(self.now)

    @property
    def moments(self) -> list[float]:
        return [moment for moment, _, _ in self.steps]


@pytest.mark.parametrize("blocks", [1, 39, 40, 41, 1000, 100_007])
def test_a_pass_takes_its_period(blocks: int) -> None:
    table = Table(blocks)
    while len(table.passes) < 3:
        table.step()
    assert table.passes[1] - table.passes[0] == pytest.approx(DAY, abs=1)
    assert table.passes[2] - table.passes[1] == pytest.approx(DAY, abs=1)


def test_steps_are_spread_evenly() -> None:
    table = Table(4000)
    for _ in range(250):
        table.step()
    gaps = {round(b - a) for a, b in zip(table.moments, table.moments[1:], strict=False)}
    assert gaps == {864}


@pytest.mark.parametrize("start", [0, 15, 99])
def test_every_block_is_read_once_in_a_pass(start: int) -> None:
    table = Table(100, start=start)
    while not table.passes:
        table.step()
    read = [block for _, first, last in table.steps for block in range(first, last + 1)]
    assert read[0] == start
    assert set(read) == set(range(100))
    assert all(last - first < 40 and last < 100 for _, first, last in table.steps)


def test_a_walk_goes_on_for_ever() -> None:
    table = Table(100)
    for _ in range(7):
        table.step()
    assert [(first, last) for _, first, last in table.steps] == [(0, 39), (40, 79), (80, 99)] * 2 + [(0, 39)]


def test_the_start_is_random() -> None:
    table = Table(10_000)
    starts = {Walk(Pace(timedelta(days=1)), 0.0).blocks(table.blocks)[0] for _ in range(20)}
    assert len(starts) > 10


def test_a_table_that_grows_is_read_faster_at_once() -> None:
    table = Table(40)
    table.step()
    assert table.walk.due_at(40) == pytest.approx(DAY)
    assert table.walk.due_at(4000) == pytest.approx(DAY / 100)


def test_a_table_that_shrinks_is_read_from_the_beginning() -> None:
    table = Table(4000, start=3000)
    table.step()
    table.blocks = 100
    table.step()
    assert table.steps[-1][1:] == (0, 39)


def test_a_long_sleep_is_not_made_up_for() -> None:
    table = Table(4000)
    table.step()
    table.now = 30 * DAY
    for _ in range(5):
        table.step()
    after = table.moments[1:]
    assert after[0] == 30 * DAY
    assert after[-1] - after[0] >= 3 * 864 - 1


def test_small_delays_are_made_up_for() -> None:
    table = Table(4000)
    while not table.passes:
        table.now += 100
        table.step()
    assert table.passes[0] == pytest.approx(DAY - 864, abs=200)


def test_a_full_step_is_repeated_after_a_beat() -> None:
    table = Table(4000)
    table.step(Step(MOST_ROWS, ALL, 8))
    table.step()
    table.step()
    assert [(first, last) for _, first, last in table.steps] == [(0, 39), (0, 39), (40, 79)]
    assert table.moments[1] == pytest.approx(0.101)
    assert table.moments[2] == pytest.approx(864)


@pytest.mark.parametrize(
    ("rows", "seconds", "limit"),
    [
        pytest.param(5000, 0.01, 5000, id="fast"),
        pytest.param(5000, 0.2, 2500, id="slow"),
        pytest.param(3, 5.0, FEWEST_ROWS, id="very-slow"),
        pytest.param(100, 0.05, 5000, id="not-full"),
        pytest.param(0, 5.0, 5000, id="nothing-to-do"),
    ],
)
def test_the_limit_makes_a_step_take_a_beat(rows: int, seconds: float, limit: int) -> None:
    table = Table(4000)
    table.step(Step(rows, ALL, 8), seconds)
    assert table.walk.limit == limit


def test_the_limit_rises_again() -> None:
    table = Table(4000)
    table.step(Step(3, ALL, 8), seconds=5.0)
    for _ in range(3):
        table.step(Step(table.walk.limit, ALL, 8), seconds=table.walk.limit * 1e-5)
    assert table.walk.limit == MOST_ROWS


def test_busy_lanes_are_tried_again() -> None:
    table = Table(4000)
    table.step(Step(1, ALL - {3, 4}, 8))
    table.step(Step(0, ALL - {2, 4}, 8))
    table.step(Step(0, frozenset({4}), 8))
    table.step()
    assert [first for _, first, _ in table.steps] == [0, 0, 0, 40]
    assert table.moments[1] - table.moments[0] == pytest.approx(0.101)


def test_a_lane_that_stays_busy_waits_for_the_next_pass() -> None:
    table = Table(4000)
    for _ in range(LANE_TRIES + 1):
        table.step(Step(0, ALL - {3}, 8))
    assert [first for _, first, _ in table.steps] == [0] * LANE_TRIES + [40]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def add_marks(db: Connection, *debtor_ids: int, days_old: int = 46) -> None:
    for debtor_id in debtor_ids:
        db.execute(
            "insert into worker.recently_needed_collector (debtor_id, needed_at) "
            "values (%s, worker.now() - make_interval(days => %s))",
            (debtor_id, days_old),
        )


def test_the_scanner_keeps_its_pace(worker_db: Connection) -> None:
    add_marks(worker_db, 1, 2)
    add_marks(worker_db, 3, days_old=44)
    clock = Clock()
    scanner = Scanner({scan: Pace(timedelta(days=1)) for scan in SCANS}, clock)
    assert sum(scanner.run_beat(worker_db) for _ in SCANS) == 2
    assert 0 < scanner.pause() <= 60
    add_marks(worker_db, 1)
    clock.now += DAY + 1
    assert scanner.pause() == 0
    assert sum(scanner.run_beat(worker_db) for _ in SCANS) == 1
    assert worker_db.execute("select debtor_id from worker.recently_needed_collector").fetchall() == [(3,)]


def test_nothing_is_done_before_it_is_due(worker_db: Connection) -> None:
    clock = Clock()
    add_marks(worker_db, 1)
    scanner = Scanner({"recently_needed_collectors": Pace(timedelta(days=1))}, clock)
    assert scanner.run_beat(worker_db) == 1
    add_marks(worker_db, 1)
    for _ in range(10):
        clock.now += 61  # looks at the size of the table
        assert scanner.run_beat(worker_db) == 0


def test_a_scan_that_fails_lets_the_others_work(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    add_marks(worker_db, 1)
    worker_db.execute(
        "insert into worker.debtor_locator_claim (debtor_id, latest_discovery_fetch_at) values (1, worker.now())"
    )
    # Blocks beyond what PostgreSQL can count.
    broken = Pace(timedelta(days=1), blocks_per_query=1)
    starts = iter([2**70, 0])
    scanner = Scanner(
        {"debtor_locator_claims": broken, "recently_needed_collectors": Pace(timedelta(days=1))},
        clock,
        start=lambda _: next(starts),
    )
    assert scanner.run_beat(worker_db) == 0
    assert "scan of debtor_locator_claims failed, next attempt in 60 s: 42883" in caplog.text
    assert scanner.run_beat(worker_db) == 1
    assert scanner.pause() == 60


def test_when_all_scans_fail_the_error_is_raised(worker_db: Connection) -> None:
    add_marks(worker_db, 1)
    worker_db.execute("drop function worker.scan_recently_needed_collectors")
    scanner = Scanner({"recently_needed_collectors": Pace(timedelta(days=1))}, Clock())
    with pytest.raises(psycopg.errors.UndefinedFunction):
        scanner.run_beat(worker_db)


def be_slow(connection: Connection, debtor_id: int) -> None:
    """Makes it slow to remove one mark."""
    connection.execute(
        f"""
        create function worker.be_slow() returns trigger language plpgsql as $$
        begin
          if old.debtor_id = {debtor_id} then
            perform pg_sleep(5);
          end if;
          return old;
        end $$;
        create trigger be_slow before delete on worker.recently_needed_collector
        for each row execute function worker.be_slow()
        """.encode()
    )
    connection.execute("set statement_timeout = '200ms'")


def marks(connection: Connection) -> set[int]:
    return {row[0] for row in connection.execute("select debtor_id from worker.recently_needed_collector")}


def test_a_step_that_takes_too_long_is_halved_and_the_block_named(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    add_marks(worker_db, *range(1, 601))
    be_slow(worker_db, 20)
    blocks = block_count(worker_db, "recently_needed_collectors")
    assert blocks > 2
    clock = Clock()
    pace = Pace(timedelta(days=1), blocks_per_query=2)
    scanner = Scanner({"recently_needed_collectors": pace}, clock, start=lambda _: 0)
    while "passed over" not in caplog.text:
        scanner.run_beat(worker_db)
        clock.now += 61
    assert "block 0 of worker.recently_needed_collector is too much even for one row, it is passed over" in caplog.text
    for _ in range(2000):
        scanner.run_beat(worker_db)
        clock.now += 600
        if max(marks(worker_db)) < 250:
            break
    # The rest of the block comes in the next pass.
    assert 20 in marks(worker_db)
    assert max(marks(worker_db)) < 250


def test_a_full_pass_names_the_block_that_takes_too_long(
    worker_db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    add_marks(worker_db, *range(1, 601))
    be_slow(worker_db, 20)
    scan_everything(worker_db, ["recently_needed_collectors"])
    assert "block 0 of worker.recently_needed_collector is too much even for one row, it is passed over" in caplog.text
    assert 20 in marks(worker_db)
    assert max(marks(worker_db)) < 250


def test_one_table_that_fails_stops_no_full_pass_over_others(worker_db: Connection) -> None:
    add_marks(worker_db, 1, 2)
    worker_db.execute("drop function worker.scan_debtor_locator_claims")
    worker_db.execute(
        "insert into worker.debtor_locator_claim (debtor_id, latest_discovery_fetch_at) values (1, worker.now())"
    )
    with pytest.raises(psycopg.errors.UndefinedFunction):
        scan_everything(worker_db)
    assert marks(worker_db) == set()


def test_one_call_scans_everything(worker_db: Connection) -> None:
    add_marks(worker_db, 1, 2)
    found = scan_everything(worker_db)
    assert set(found) == set(SCANS)
    assert {scan: rows for scan, rows in found.items() if rows} == {"recently_needed_collectors": 2}
