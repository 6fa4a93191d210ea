"""The steps of a split: what each does, what it waits for, and how it sees that it is done.

A step is done when databases and brokers show it, so a split that was interrupted goes on where it was. Nothing that
the parent has is given up before both children show that they have it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from bridge.inbound import ForeignShard
from bridge.rabbitmq.setup import TopologyError
from bridge.wire.ports import SourceError
from bridge.wire.sharding import Realm
from pipelines.turns.scan import scan_everything
from service import binding, shard_content
from service.databases import open_worker
from service.loop import Unusable
from service.splitting.databases import NAME, Away, Report, connected, look, same
from service.splitting.queues import Queues
from service.wiring import Wiring
from settings.config import Config

QUIET_SECONDS = 0.5
"""A queue that brings nothing for so long is taken to be empty."""
PAUSE_SECONDS = 2.0
"""From one look at what others have to do to the next."""
_PROMOTION_SECONDS = 60


class SplitError(Exception):
    """The shard can not be split like this. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """`run` does what it can, and returns what it waits for: None when it is done. `look` only looks, and returns what
    is still to do: None when it is done. Both raise SplitError, psycopg.Error, ConnectionError and TopologyError."""

    name: str
    what: str
    run: Callable[[], str | None]
    look: Callable[[], str | None]


class Splitting:
    """One shard that is split. `children` have settings like the parent's, but for those of `child_variables`."""

    def __init__(
        self,
        parent: Config,
        children: Sequence[Config],
        queues: Queues,
        *,
        prefix: str = "",
        copy: Callable[[], None] | None = None,
        has_standbys: bool = True,
        applies_inbox: bool = True,
    ) -> None:
        """`prefix` goes before the names of exchanges. Without standbys the databases of the children are copied while
        the parent stands still: by `copy`, or by somebody who is told to. `applies_inbox`: before the parent ends."""
        self._parent = parent
        self._children = children
        self._queues = queues
        self._prefix = prefix
        self._copy = copy
        self._has_standbys = has_standbys
        self._applies_inbox = applies_inbox
        self._key = parent.protocol_broker_queue_routing_key

    def steps(self) -> tuple[Step, ...]:
        """All steps, in their order."""
        keys = " and ".join(child.protocol_broker_queue_routing_key for child in self._children)
        queue = self._parent.protocol_broker_queue
        follow = Step("follow", "both standbys follow the parent's database", self._follow, self._follow)
        return (
            Step("verify", f"the database has only rows of {self._key}", self._verify, self._look_begun),
            *([follow] if self._has_standbys else []),
            Step("subscribe", f"the queues of {keys} get their messages", self._subscribe, self._look_sealed),
            Step("unsubscribe", f"the queue {queue} gets nothing any more", self._unsubscribe, self._look_sealed),
            Step("stop", f"no process of {self._key} runs any more", self._stop, self._stop),
            Step("drain", f"the queue {queue} is empty, and deleted", self._drain, self._look_sealed),
            Step("seal", "the parent's database takes no process any more", self._seal, self._look_sealed),
            Step("arrive", "both copies have everything", self._arrive, self._look_arrived),
            Step("promote", "both copies can be written to", self._promote, self._look_promoted),
            Step("bind", f"the copies are the databases of {keys}", self._bind, self._look_bound),
        )

    def check(self) -> None:
        """Raises SplitError when two of the databases are one, or somebody else splits this shard just now."""
        names = ("the parent's", "the first child's", "the second child's")
        found = same([config.worker_postgres_url for config in (self._parent, *self._children)])
        if found is None:
            return
        other, one = found
        if other < 0:
            raise SplitError(f"another split_shard works with {names[one]} database: let that end, or stop it")
        raise SplitError(f"{names[other]} URL and {names[one]} lead to the same database: look at the URLs")

    # Looks

    def _report(self) -> Report:
        """Of the parent. Raises SplitError when it is no such shard."""
        try:
            with connected(self._parent.worker_postgres_url) as connection:
                found = look(connection)
        except Away as error:
            raise SplitError(f"the parent's database {error}") from None
        if found.is_standby:
            raise SplitError("the parent's database is a standby: look at WORKER_POSTGRES_URL")
        if found.binding_key != self._key:
            raise SplitError(
                f"the parent's database is that of {found.binding_key}, and {self._key} is to be split: look at "
                "WORKER_POSTGRES_URL and PROTOCOL_BROKER_QUEUE_ROUTING_KEY"
            )
        return found

    def _reports(self) -> dict[str, Report | str]:
        """Of the children, by key, or why there is none."""
        found: dict[str, Report | str] = {}
        for child in self._children:
            key = child.protocol_broker_queue_routing_key
            try:
                with connected(child.worker_postgres_url) as connection:
                    found[key] = look(connection)
            except Away as error:
                found[key] = f"the database of {key} {error}"
        return found

    def _are_bound(self) -> bool:
        return all(
            isinstance(report, Report) and report.binding_key == key and report.parent_key == self._key
            for key, report in self._reports().items()
        )

    def _is_sealed(self) -> bool:
        # When the children have begun, the parent is not needed any more.
        if self._are_bound():
            return True
        report = self._report()
        return report.parent_key == self._key and report.sealed_at is not None

    def _look_begun(self) -> str | None:
        if self._are_bound() or self._report().parent_key == self._key:
            return None
        return "every table will be read"

    def _look_sealed(self) -> str | None:
        return None if self._is_sealed() else "not done yet"

    # Steps

    def _verify(self) -> str | None:
        if self._look_begun() is None:
            return None
        report = self._report()
        with connected(self._parent.worker_postgres_url) as worker:
            if found := shard_content.find_foreign_row(worker, self._parent):
                if not report.deletes_parent_records:
                    raise SplitError(
                        f"the parent's database has rows that an earlier split has left: {found}. Restart its "
                        "processes with DELETE_PARENT_SHARD_RECORDS=true, and run this again"
                    )
                scan_everything(worker)
                if found := shard_content.find_foreign_row(worker, self._parent):
                    return f"rows that an earlier split has left are being removed: {found}"
            worker.execute("select worker.begin_split(%s)", (self._key,))
        return None

    def _follow(self) -> str | None:
        if self._is_sealed():
            return None
        parent = self._report()
        if parent.parent_key != self._key:
            return "the parent's database is not marked yet"
        return self._of_all(lambda key, child: self._lag(key, child, parent))

    def _lag(self, key: str, child: Report, parent: Report) -> str | None:
        if child.installation_id != parent.installation_id or child.binding_key != self._key:
            raise SplitError(f"the database for {key} is no copy of the parent's, but that of {child.binding_key}")
        has_begun = (child.parent_key, child.started_at) == (self._key, parent.started_at)
        if not child.is_standby:
            raise SplitError(
                f"the database for {key} is no standby any more: it was promoted too early, or never was one. Make a "
                "new standby of the parent's server, and run this again"
            )
        return None if has_begun else f"the standby for {key} does not have the beginning of the split yet"

    def _subscribe(self) -> str | None:
        if not self._is_sealed():
            for child in self._children:
                self._queues.subscribe(child)
        return None

    def _unsubscribe(self) -> str | None:
        if not self._is_sealed():
            # Without the children's queues messages would be lost: so they are looked at once more.
            self._subscribe()
            self._queues.unsubscribe(self._parent)
        return None

    def _stop(self) -> str | None:
        if self._is_sealed():
            return None
        processes = self._report().processes
        if not processes:
            return None
        return f"stop all processes of {self._key}; connected are {', '.join(processes)}"

    def _drain(self) -> str | None:
        if self._is_sealed():
            return None
        if reason := self._stop():
            return reason
        try:
            with open_worker(self._parent, NAME) as worker:
                wiring = Wiring(self._parent)
                lanes = wiring.enroll(worker)
                for source in self._queues.sources(self._parent):
                    inbound = wiring.inbound(source, worker, lanes, prefix=self._prefix)
                    while inbound.run_once(QUIET_SECONDS) or inbound.patience() is not None:
                        pass
                drain = wiring.drain(worker, lanes)
                while self._applies_inbox and drain.run_once():
                    pass
        except SourceError as error:
            return f"the broker: {error}"
        except ForeignShard as error:
            raise SplitError(str(error)) from None
        return self._queues.delete(self._parent)

    def _seal(self) -> str | None:
        if self._is_sealed():
            return None
        with connected(self._parent.worker_postgres_url) as worker:
            try:
                worker.execute("select worker.seal_shard(%s)", (self._key,))
            except psycopg.Error as error:
                if error.sqlstate != "ST043":
                    raise
                return self._stop() or "processes of the parent are still connected"
        return None

    def _arrive(self) -> str | None:
        reason = self._look_arrived()
        if reason is None or self._has_standbys:
            return reason
        if self._copy is not None:
            self._copy()
            return self._look_arrived()
        return f"copy the parent's database for both children now, as with `create database … template …`: {reason}"

    def _look_arrived(self) -> str | None:
        if self._are_bound():
            return None
        parent = self._report()
        if parent.sealed_at is None or parent.parent_key != self._key:
            return "not done yet"

        def lack(key: str, child: Report) -> str | None:
            if (child.parent_key, child.sealed_at) == (self._key, parent.sealed_at):
                return None
            if child.is_standby:
                return f"the standby for {key} does not have the end of the parent's work yet"
            raise SplitError(
                f"the database for {key} does not have the end of the parent's work, and will not get it: a standby "
                "that was promoted too early, or a copy of before. Make another copy of the parent's database, and "
                "run this again"
            )

        return self._of_all(lack)

    def _promote(self) -> str | None:
        if reason := self._look_arrived():
            return reason
        for child in self._children:
            with connected(child.worker_postgres_url) as connection:
                if look(connection).is_standby:
                    try:
                        connection.execute("select pg_promote(true, %s)", (_PROMOTION_SECONDS,))
                    except psycopg.errors.InsufficientPrivilege:
                        # Somebody else's task.
                        continue
        return self._look_promoted()

    def _look_promoted(self) -> str | None:
        return self._of_all(
            lambda key, child: (
                f"promote the standby for {key}, as your cluster does that: this role may not call "
                "pg_promote. Everything is in it"
                if child.is_standby
                else None
            )
        )

    def _bind(self) -> str | None:
        if reason := self._look_arrived() or self._look_promoted():
            return reason
        for child in self._children:
            try:
                with connected(child.worker_postgres_url) as connection:
                    Wiring(child).enroll(connection)
            except psycopg.Error as error:
                if error.sqlstate not in binding.REFUSALS:
                    raise
                key = child.protocol_broker_queue_routing_key
                raise SplitError(f"the database for {key}: {binding.refusal(error)}") from None
        return None

    def _look_bound(self) -> str | None:
        return None if self._are_bound() else "not done yet"

    def _of_all(self, problem: Callable[[str, Report], str | None]) -> str | None:
        """What there is to say of the children's databases; None: nothing."""
        said = []
        for key, report in self._reports().items():
            text = report if isinstance(report, str) else problem(key, report)
            if text is not None:
                said.append(text)
        return "; ".join(said) or None


def child_variables(queue: str, binding_key: str, bit: int) -> dict[str, str]:
    """The variables of a half (`bit` 0 or 1) that are not the parent's, whose queue and key these are.

    Raises SplitError if there are no halves.
    """
    try:
        key = Realm.parse(f"{binding_key.removesuffix('#')}{bit}.#").binding_key
    except ValueError:
        raise SplitError("a binding key has 16 bits at most: this shard can not be split any more") from None
    return {
        "PROTOCOL_BROKER_QUEUE": f"{queue}_{bit}",
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": key,
        "DELETE_PARENT_SHARD_RECORDS": "true",
    }


def advance(
    splitting: Splitting,
    tell: Callable[[Step, str | None], None],
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Takes all steps; returns whether all are done. `tell` hears of each that is done (None), or why it is not.

    `seconds`: the longest time to wait for others. Raises SplitError, and psycopg.Error.
    """
    splitting.check()
    for step in splitting.steps():
        ends = None if seconds is None else clock() + seconds
        while (reason := _tried(step)) is not None:
            tell(step, reason)
            if ends is not None and clock() >= ends:
                return False
            sleep(PAUSE_SECONDS)
        tell(step, None)
    return True


def _tried(step: Step) -> str | None:
    """A server that does not answer is waited for."""
    try:
        return step.run()
    except Away as error:
        return f"a database {error}"
    except (ConnectionError, psycopg.OperationalError) as error:
        return " ".join(str(error).split())
    except (TopologyError, Unusable) as error:
        raise SplitError(str(error)) from None


def looked_at(splitting: Splitting) -> Mapping[Step, str | None]:
    """What each step has still to do; None: nothing."""
    splitting.check()
    found: dict[Step, str | None] = {}
    for step in splitting.steps():
        try:
            found[step] = step.look()
        except (Away, ConnectionError) as error:
            found[step] = str(error)
    return found
