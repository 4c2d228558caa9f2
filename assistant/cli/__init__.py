"""The `assistant` command: the only place that prints or exits."""


def main() -> None:
    """Entry point of the `assistant` command."""
    from assistant.cli.app import app  # noqa: PLC0415 -- `import assistant.cli` itself costs nothing

    app()
