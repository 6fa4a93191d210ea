"""What goes wrong by databases that become what they were some seconds ago, while the service works with them."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import closing

from tests.chaos.installation import DATABASES, Installation
from tests.chaos.surroundings import Surroundings
from tests.step_backs.servers import Dump, PointInTime, Promotion, StepBack


def restore_dump(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """One database, a worker's or the solver's, is made anew from a dump some seconds old."""
    database = dice.choice(DATABASES)
    _step_back(dice, installation, Dump(installation.database_server, database), [database])


def recover_to_a_moment(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """The server with all databases is recovered from a base backup and its WAL to a moment some seconds ago."""
    _step_back(dice, installation, PointInTime(installation.database_server, ""), DATABASES)


def promote_standby(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """The server with all databases is replaced by an asynchronous standby that lacks the last seconds."""
    _step_back(dice, installation, Promotion(installation.database_server, ""), DATABASES)


def _step_back(dice: random.Random, installation: Installation, way: StepBack, databases: Sequence[str]) -> None:
    with closing(way):
        installation.expect_step_back(databases)
        way.mark()
        time.sleep(dice.uniform(0.5, 5.0))
        way.restore()


STEP_BACKS = {restore_dump: 2.0, recover_to_a_moment: 0.7, promote_standby: 0.7}
"""How often each of these comes, in relation to the other faults."""
