"""The headings under which `swpt-trade --help` lists the commands, most important first."""

from __future__ import annotations

from cloup import Section

SERVERS = Section("Servers")
TOOLS = Section("Set up, look, try")
PARTS = Section("Parts of a server: run more of them for more capacity")
FLUSHES = Section("Parts of a worker that send messages")
SCANS = Section("Parts of a worker that clean up")

ALL = (SERVERS, TOOLS, PARTS, FLUSHES, SCANS)
