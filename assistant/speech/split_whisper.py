"""A Whisper model in CTranslate2's format, split: the encoder stays with CTranslate2, the decoder becomes ONNX.

Where CTranslate2 has no packed 8-bit product (on AMD, for one), it spends more time on preparing the weights for each
token than on the token. ONNX Runtime prepares them once: measured on two x86 cores (base, one thread), a token takes 6
instead of 10 ms at the same word errors. The encoder, which does many positions at once, is as fast and finer there,
since CTranslate2 scales each position by itself; so it stays, with a decoder of one layer that is never run.

The decoder keeps only the tokens that the language needs (`english`): for English that saves a seventh of what a token
reads, and 20 MB. Its weights are 8-bit in blocks with a scale each (`MatMulNBits`, see `graphs`), or, on boards where
ONNX Runtime has no quick product for those (Arm without the dot-product instructions), 7-bit with a scale a column. The
last product, four tenths of all weights, is a rough one in 4 bits: what may be the likeliest token by it is scored
again with the weights as they are (`likeliest`). The layout is OpenAI's; names of weights are CTranslate2's.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.graphs import Graph
from assistant.sessions import open_session
from assistant.speech.ct2_file import Ct2File, read_ct2
from assistant.speech.english import is_multilingual, kept_tokens, read_vocabulary

DECODER, CROSS, EMBEDDINGS, FACTS = "decoder.onnx", "cross.onnx", "embeddings.npy", "split.json"
PROJECTION = "projection.npy"
"""Where it isn't the embeddings."""
_EPSILON = 1e-5
_EMBEDDINGS = "decoder/embeddings/weight"
_MARK = re.compile(r"<\|[a-z]+\|>")
_UNUSED = ("suppress_ids", "suppress_ids_begin", "lang_ids", "alignment_heads")
_COPIED = ("tokenizer.json", "preprocessor_config.json")


def split_whisper(model_dir: Path, language: str) -> dict[str, bytes]:
    """The files of the halves: a CTranslate2 model that encodes, DECODER, CROSS (what the decoder looks at), EMBEDDINGS
    (kept tokens, width), FACTS.

    Takes seconds, and five times the model's size in memory. Raises OSError, ValueError, KeyError: not such a model.
    """
    file, vocabulary = read_ct2(model_dir / "model.bin"), read_vocabulary(model_dir)
    kept = kept_tokens(vocabulary, language)
    config = json.loads((model_dir / "config.json").read_bytes())
    made = _encoder(file, vocabulary, config)
    made |= {name: (model_dir / name).read_bytes() for name in _COPIED if (model_dir / name).is_file()}
    shape = _Shape.of(file)
    made[CROSS] = _cross(file, shape)
    made[DECODER] = _decoder(file, shape, kept, blockwise=blockwise_is_quick())
    made[EMBEDDINGS] = _saved(file.floats(_EMBEDDINGS)[kept].astype(np.float16))
    if (projection := _projection(file)) != _EMBEDDINGS:
        made[PROJECTION] = _saved(file.floats(projection)[kept].astype(np.float16))
    facts = {
        "tokens": kept,
        "multilingual": is_multilingual(vocabulary),
        "blank": config.get("suppress_ids_begin", []),
        "layers": shape.layers,
        "heads": shape.heads,
    }
    return made | {FACTS: json.dumps(facts).encode()}


def blockwise_is_quick() -> bool:
    """Whether ONNX Runtime multiplies 8-bit blocks on this CPU faster than it would floats."""
    weights = np.random.default_rng(0).normal(0.0, 1.0, (2048, 512)).astype(np.float32)
    taken = []
    for blockwise in (True, False):
        graph = Graph(blockwise=blockwise)
        product = graph.linear("x", weights) if blockwise else graph.add("MatMul", "x", graph.constant(weights.T))
        session = open_session(graph.model([("x", "FLOAT", [1, 512])], [(product, "y", "FLOAT", [1, 2048])]))
        times_s = []
        for _ in range(7):
            began_s = time.perf_counter()
            session.run(None, {"x": np.ones((1, 512), np.float32)})
            times_s.append(time.perf_counter() - began_s)
        taken.append(min(times_s))
    return taken[0] < taken[1]


@dataclass(frozen=True, slots=True)
class _Shape:
    layers: int
    heads: int
    width: int

    @classmethod
    def of(cls, file: Ct2File) -> _Shape:
        layers = {match[1] for name in file.variables if (match := re.match(r"decoder/layer_(\d+)/", name))}
        heads = int(file.variables["decoder/num_heads"])
        return cls(len(layers), heads, file.variables["decoder/position_encodings/encodings"].shape[1])


def _encoder(file: Ct2File, vocabulary: Sequence[str], config: dict[str, Any]) -> dict[str, bytes]:
    """What CTranslate2 needs to encode; it demands a decoder and a vocabulary, so it gets the least."""
    marks = [token for token, text in enumerate(vocabulary) if _MARK.fullmatch(text)]
    variables = {}
    for name, array in file.variables.items():
        if not re.match(r"decoder/layer_([1-9]|0\d)", name):
            by_token = name.startswith(("decoder/embeddings/", "decoder/projection/"))
            variables[name] = array[marks] if by_token and array.shape[:1] == (len(vocabulary),) else array
    least = config | {key: [] for key in _UNUSED}
    return {
        "model.bin": dataclasses.replace(file, variables=variables).to_bytes(),
        "config.json": json.dumps(least).encode(),
        "vocabulary.json": json.dumps([vocabulary[token] for token in marks]).encode(),
    }


def _normalised(graph: Graph, x: str, file: Ct2File, name: str) -> str:
    scale, shift = (file.floats(f"{name}/layer_norm/{each}") for each in ("gamma", "beta"))
    return graph.normalised(x, scale, shift, _EPSILON)


def _layer(graph: Graph, x: str, file: Ct2File, name: str) -> str:
    """The linear layer of this name."""
    return graph.linear(x, file.floats(f"{name}/weight"), file.floats(f"{name}/bias"))


def _cross(file: Ct2File, shape: _Shape) -> bytes:
    """Encoder's states (1, positions, width) to each layer's keys and values (1, heads, positions, width of a head)."""
    graph = Graph(blockwise=False)
    outputs: list[tuple[str, str, str, list[Any]]] = []
    cut = graph.constant(np.array([1, -1, shape.heads, shape.width // shape.heads]))
    for layer in range(shape.layers):
        both = _layer(graph, "states", file, f"decoder/layer_{layer}/attention/linear_1")
        for part, letter in zip(graph.parts(both, 2, shape.width), "kv", strict=True):
            by_head = graph.add("Transpose", graph.add("Reshape", part, cut), perm=[0, 2, 1, 3])
            outputs.append((by_head, f"cross_{letter}{layer}", *_by_head(shape, "positions")))
    return graph.model([("states", "FLOAT", [1, "positions", shape.width])], outputs)


def _decoder(file: Ct2File, shape: _Shape, kept: Sequence[int], *, blockwise: bool) -> bytes:
    """Embedded tokens (1, new, width) at `places` (new,), knowing earlier ones, to rough logits (1, new, kept tokens),
    and to what the kept tokens' rows of the projection are multiplied with for the exact ones, (1, new, width).
    """
    graph = Graph(blockwise=blockwise)
    positions = graph.constant(file.floats("decoder/position_encodings/encodings"))
    x = graph.add("Add", "embedded", graph.add("Gather", positions, "places"))
    inputs: list[tuple[str, str, list[Any]]] = [("embedded", "FLOAT", [1, "new", shape.width])]
    inputs.append(("places", "INT64", ["new"]))
    outputs: list[tuple[str, str, str, list[Any]]] = []
    attention: dict[str, Any] = {"domain": "com.microsoft", "num_heads": shape.heads}
    for layer in range(shape.layers):
        name = f"decoder/layer_{layer}"
        own = _layer(
            graph, _normalised(graph, x, file, f"{name}/self_attention"), file, f"{name}/self_attention/linear_0"
        )
        looking = (*graph.parts(own, 3, shape.width), "", "", "", f"k{layer}", f"v{layer}")
        seen, key, value = graph.add_many("MultiHeadAttention", 3, *looking, **attention, unidirectional=1)
        x = graph.add("Add", x, _layer(graph, seen, file, f"{name}/self_attention/linear_1"))
        asked = _layer(graph, _normalised(graph, x, file, f"{name}/attention"), file, f"{name}/attention/linear_0")
        crossed = (f"cross_k{layer}", f"cross_v{layer}")
        heard = graph.add("MultiHeadAttention", asked, *crossed, **attention)
        x = graph.add("Add", x, _layer(graph, heard, file, f"{name}/attention/linear_2"))
        wide = _layer(graph, _normalised(graph, x, file, f"{name}/ffn"), file, f"{name}/ffn/linear_0")
        bent = graph.add("Gelu", wide, domain="com.microsoft")
        x = graph.add("Add", x, _layer(graph, bent, file, f"{name}/ffn/linear_1"))
        inputs += [(each, *_by_head(shape, "positions")) for each in crossed]
        inputs += [(each, *_by_head(shape, "known")) for each in (f"k{layer}", f"v{layer}")]
        known = _by_head(shape, "all")
        outputs += [(key, f"new_k{layer}", *known), (value, f"new_v{layer}", *known)]
    state = _normalised(graph, x, file, "decoder")
    outputs.append((state, "state", "FLOAT", [1, "new", shape.width]))
    logits = graph.rough(state, file.floats(_projection(file))[kept])
    return graph.model(inputs, [(logits, "logits", "FLOAT", [1, "new", len(kept)]), *outputs])


def _projection(file: Ct2File) -> str:
    """The weights from the decoder's state to logits. In OpenAI's models they are the embeddings."""
    name = "decoder/projection/weight"
    return dict(file.aliases).get(name, name)


def _saved(array: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _by_head(shape: _Shape, length: str) -> tuple[str, list[Any]]:
    return "FLOAT", [1, shape.heads, length, shape.width // shape.heads]
