"""`python -m assistant.evaluate.bench`."""

import signal
import sys

from assistant.evaluate.bench.command import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was started is stopped
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
