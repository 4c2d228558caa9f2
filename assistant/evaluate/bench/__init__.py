"""`scripts/bench`: what the assistant costs, how fast it is on this machine, and how it compares.

    start   process start to "listening" of `assistant run`, without network or sound card
    idle    CPU and memory of a whole assistant that hears room tone from a virtual microphone, in real time
    text    text in to reply text out, over typical requests; nothing spoken
    llm     a language model on this device, beside xllamacpp as it comes (see `llm`)
    peers   the whole way of a spoken turn against others that do the same, stage by stage (see `peers`)

Machines differ and are shared, so figures are given with what the same machine did meanwhile: shares of a core,
milliseconds beside a fixed piece of work (`reference`: hashing 64 MiB with SHA-256), and ratios to contenders that were
timed in turn with us.
"""
