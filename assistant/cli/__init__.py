"""The `assistant` command: the only place that prints or exits."""


def main() -> None:
    """Entry point of the `assistant` command."""
