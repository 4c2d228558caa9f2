"""Silero's voice detector for many blocks at once, as plain products.

The model (the one that faster-whisper brings along) is made of tiny convolutions, four moments long, which ONNX Runtime
works off block by block. As products over all blocks they take a third of the time (200 blocks, 6.4 s of sound, on an
x86 core: 4 instead of 11 ms), to the same probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.graphs import Floats, Graph
from assistant.sessions import open_session
from assistant.speech.presence import BLOCK_SAMPLES

BEFORE_SAMPLES = 64
"""Of the sound before a block, which Silero looks at too."""
_STEP = 128
_MOMENTS = 4
_BINS = 129
_STATE = 128
_LAYER = "encoder.conv_layers.{}.{}"


def silero_file() -> Path:
    """Found without importing the package, which takes a second. Raises LookupError, ImportError."""
    package = find_spec("faster_whisper")
    if package is None or package.origin is None:
        raise LookupError("it is not installed")
    [file] = (Path(package.origin).parent / "assets").glob("silero_vad_v6*.onnx")
    return file


def silero_as_products(file: Path) -> bytes:
    """The model: `sound` (blocks, BEFORE_SAMPLES + BLOCK_SAMPLES) -> `speech` (blocks,), one behind the other.

    Raises KeyError, ValueError and what onnx raises: it is another model.
    """
    weights, nodes = _read(file)
    graph = Graph(blockwise=False)
    x = graph.add("Pad", "sound", graph.constant(np.array([0, 0, 0, 64])), mode="reflect")
    pieces = graph.add("Reshape", x, graph.constant(np.array([-1, _MOMENTS + 1, _STEP])))
    halves = [_cut(graph, pieces, at, at + _MOMENTS) for at in (0, 1)]
    waves = _product(
        graph, graph.add("Concat", *halves, axis=2), weights["encoder.feature_extractor.forward_basis_buffer"]
    )
    squares = [graph.add("Mul", part, part) for part in graph.parts(waves, 2, _BINS)]
    x = graph.add("Sqrt", graph.add("Add", *squares))
    moments = _MOMENTS
    for layer, step in enumerate((1, 2, 2, 1)):
        kernel, bias = (weights[_LAYER.format(layer, kind)] for kind in ("weight", "bias"))
        beside = graph.add("Pad", x, graph.constant(np.array([0, 1, 0, 0, 1, 0])))
        moments = (moments - 1) // step + 1
        taps = [_cut(graph, beside, tap, tap + step * (moments - 1) + 1, step) for tap in range(3)]
        x = _product(graph, graph.add("Concat", *taps, axis=2), kernel.transpose(0, 2, 1))
        x = graph.add("Relu", graph.add("Add", x, graph.constant(bias)))
    [memory] = [node for node in nodes if node.op_type == "LSTM"]
    nothing = graph.constant(np.zeros((1, 1, _STATE), np.float32))
    given = [graph.constant(weights[name]) for name in memory.input[1:4]]
    x = graph.add("LSTM", x, *given, "", nothing, nothing, hidden_size=_STATE)
    x = graph.add("Relu", graph.add("Reshape", x, graph.constant(np.array([-1, _STATE]))))
    x = _product(graph, x, weights["decoder.conv1d.weight"])
    x = graph.add("Sigmoid", graph.add("Add", x, graph.constant(weights["decoder.conv1d.bias"])))
    speech = graph.add("Reshape", x, graph.constant(np.array([-1])))
    width = BEFORE_SAMPLES + BLOCK_SAMPLES
    return graph.model([("sound", "FLOAT", ["blocks", width])], [(speech, "speech", "FLOAT", ["blocks"])])


def load_silero(file: Path) -> Callable[[Floats], Floats]:
    """What `silero_as_products` made, for whole blocks of sound: (n * BLOCK_SAMPLES,) -> (n,). Raises what onnxruntime
    raises.
    """
    session = open_session(file)

    def probabilities(sound: Floats) -> Floats:
        blocks = sound.reshape(-1, BLOCK_SAMPLES)
        before = np.zeros((len(blocks), BEFORE_SAMPLES), np.float32)
        before[1:] = blocks[:-1, -BEFORE_SAMPLES:]
        found: Floats = session.run(None, {"sound": np.concatenate((before, blocks), axis=1)})[0]
        return found

    return probabilities


def _read(file: Path) -> tuple[dict[str, npt.NDArray[Any]], Any]:
    import onnx  # noqa: PLC0415 - heavy
    from onnx import numpy_helper  # noqa: PLC0415 - heavy

    graph = onnx.load(str(file)).graph
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}, graph.node


def _cut(graph: Graph, x: str, start: int, end: int, step: int = 1) -> str:
    """Of the moments of x (blocks, moments, width)."""
    places = ([start], [end], [1], [step])
    return graph.add("Slice", x, *(graph.constant(np.array(place)) for place in places))


def _product(graph: Graph, x: str, weights: Floats) -> str:
    """x (..., in) by weights (out, ...), whose further sides are one."""
    return graph.add("MatMul", x, graph.constant(weights.reshape(len(weights), -1).T))
