"""The processes of a command, and what holds them together: stop requests, early deaths, lost parents."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.context import SpawnProcess

from service import ending
from service.introduction import introduce
from service.logs import set_up_logging
from service.loop import Stop
from service.loops import Part, run_loops
from settings.config import Config

logger = logging.getLogger(__name__)

PARENT = "SWPT_TRADE_PARENT_PID"
"""The variable by which a process of ours tells its children to end with it."""

_LONG = 3600.0
_LOOK_SECONDS = 1.0


def run_processes(config: Config, part: Part, count: int = 1) -> int:
    """Runs the part in so many processes until a signal asks to stop; returns the exit status.

    None: idles, so that whoever looks after this process is content. One: no other process is needed. More: when one
    ends before its time, all end, with status 1.
    """
    end_with_parent()
    introduce(config, part.name)
    stop = Stop()
    stop.on_signals()
    seconds = ending.PART_SECONDS if PARENT in os.environ else ending.ALONE_SECONDS
    # It ends after its children.
    with ending.limited(stop.request, seconds + (_LOOK_SECONDS / 2 if count > 1 else 0.0)):
        if count == 0:
            while not (stop.is_requested or part.quit_early):
                stop.wait(_LONG)
            return 0
        if count == 1:
            return run_loops(part, stop)
        return _run_children(config, part, count, stop)


def _run_children(config: Config, part: Part, count: int, stop: Stop) -> int:
    context = multiprocessing.get_context("spawn")
    os.environ[PARENT] = str(os.getpid())
    children: list[SpawnProcess] = []
    for _ in range(count):
        child = context.Process(target=_run_child, args=(config, part))
        child.start()
        children.append(child)
    died: list[SpawnProcess] = []
    while not (stop.is_requested or died):
        ended = [child for child in children if not child.is_alive()]
        died = [child for child in ended if not (part.quit_early and child.exitcode == 0)]
        if len(ended) == count and not died:
            return 0
        if not died:
            stop.wait(_LONG, *(child.sentinel for child in children if child not in ended))
    for child in died:
        logger.warning("%s: process %s ended with status %s, stopping the others", part.name, child.pid, child.exitcode)
    for child in children:
        child.terminate()
    for child in children:
        child.join()
    return 1 if died else 0


def _run_child(config: Config, part: Part) -> None:
    set_up_logging(config)
    end_with_parent()
    introduce(config, part.name)
    stop = Stop()
    stop.on_signals()
    with ending.limited(stop.request, ending.PART_SECONDS):
        sys.exit(run_loops(part, stop))


def end_with_parent() -> None:
    """When the parent that asked for it by the variable is gone, this process gets a SIGTERM.

    The parent could not send it itself when it was killed. Without the variable nothing happens: a command that
    somebody has started by hand may well outlive its shell.
    """
    parent = os.environ.get(PARENT, "")
    if not parent.isdigit():
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(_LOOK_SECONDS)
        logger.warning("the parent process is gone, stopping")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
