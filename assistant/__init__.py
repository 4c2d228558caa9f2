"""Edgewise: a smart speaker's mind as an asyncio daemon. `DESIGN` notes live in the module docstrings."""

import os
from importlib.metadata import PackageNotFoundError, version

# ONNX Runtime keeps an identifier of the machine and reports to its maker unless this is set before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# The same for the hub client that faster-whisper brings; every model is named by path, so it has nothing to ask either.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# gRPC's own log goes to stderr, unstructured. Read when gRPC is first imported, whoever does that.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# numpy's products here are small: more threads than one only wait for each other, 16 ms at a time on a busy board.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Threads of CTranslate2 and of llama.cpp that wait for each other ask this often before they sleep. By default they ask
# for milliseconds: with something else running on every core, a word of an answer then takes a second, and two
# transcriptions at once take half as long again each.
os.environ.setdefault("GOMP_SPINCOUNT", "300")

try:
    __version__ = version("edgewise")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"
