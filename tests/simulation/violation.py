"""What every checker raises."""


class Violation(AssertionError):
    """An invariant does not hold."""
