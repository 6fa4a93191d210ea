"""What the commands run: each module wires one kind of process of a server from its configuration."""
