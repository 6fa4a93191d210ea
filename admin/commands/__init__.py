"""The subcommands of `swpt-trade`, as thin as can be: they import what they run when they run."""
