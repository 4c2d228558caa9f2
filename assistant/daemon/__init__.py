"""The composition root: the only place where the rooms meet.

    open_assistant   builds every part, starts them in order, hands out the running assistant, stops in reverse
    run_daemon       an assistant with devices, control socket, signals and word to systemd, until it is told to stop

Start: lock, store, context, due things, link, voice and ears, microphone. What fails to start but can be done without
(a model, a sound card, a gateway) becomes a problem that `status` reports, not an exit.
"""

from assistant.daemon.assistant import Assistant, open_assistant
from assistant.daemon.run import run_daemon
from assistant.daemon.sound import Sound

__all__ = ["Assistant", "Sound", "open_assistant", "run_daemon"]
