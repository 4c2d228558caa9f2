"""`python -m assistant.evaluate.bench`."""

from assistant.evaluate.bench.command import main

if __name__ == "__main__":
    main()
