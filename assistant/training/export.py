"""The trained network as an ONNX model for one utterance at a time, its tokenizer, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.graphs import Floats, Graph

_EPSILON = 1e-12


def to_onnx(
    weights: Mapping[str, Floats], *, layers: int, heads: int, questions: Sequence[str], blockwise: bool
) -> bytes:
    """`weights` as `net.arrays` gives them -> inputs `pieces` and `places` (n,), int64; outputs one for each question
    (1, answers), and `tags` (1, n, tags): logits.
    """
    graph = Graph(blockwise=blockwise)
    table = weights["embedding.weight"]
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, 1e-9).astype(np.float32)
    codes = graph.constant(np.rint(table / scales).astype(np.int8))
    looked_up = graph.add("Cast", graph.add("Gather", codes, "pieces"), to=1)
    x = graph.add("Mul", looked_up, graph.add("Gather", graph.constant(scales), "pieces"))
    x = graph.add("Add", x, graph.add("Gather", graph.constant(weights["place.weight"]), "places"))
    x = graph.add("Unsqueeze", x, graph.constant(np.array([0])))
    x = _normalised(graph, x, weights, "norm")
    width = table.shape[1]
    for layer in range(layers):
        name = f"layers.{layer}"
        joined = [
            np.concatenate([weights[f"{name}.{part}.{kind}"] for part in ("query", "key", "value")])
            for kind in ("weight", "bias")
        ]
        parts = graph.parts(graph.linear(x, *joined), 3, width)
        seen = graph.add("MultiHeadAttention", *parts, domain="com.microsoft", num_heads=heads)
        x = graph.add("Add", x, _linear(graph, seen, weights, f"{name}.out"))
        x = _normalised(graph, x, weights, f"{name}.norm1")
        wide = graph.add("Gelu", _linear(graph, x, weights, f"{name}.wide"), domain="com.microsoft")
        x = graph.add("Add", x, _linear(graph, wide, weights, f"{name}.narrow"))
        x = _normalised(graph, x, weights, f"{name}.norm2")
    mean = graph.add("ReduceMean", x, axes=[1], keepdims=0)
    outputs: list[tuple[str, str, str, list[Any]]] = []
    for question in questions:
        logits = _floats(graph, mean, weights, f"questions.{question}")
        outputs.append((logits, question, "FLOAT", [1, len(weights[f"questions.{question}.bias"])]))
    tags = _floats(graph, x, weights, "tags")
    outputs.append((tags, "tags", "FLOAT", [1, "n", len(weights["tags.bias"])]))
    return graph.model([("pieces", "INT64", ["n"]), ("places", "INT64", ["n"])], outputs)


def kept_pieces(tokenizer: Mapping[str, Any], used: Mapping[str, int], *, common: int) -> list[str]:
    """Word pieces worth their place, in their order: marks, single characters, the `common` first (BERT's are in order
    of frequency) and those that training `used`, by count. `tokenizer` is the file's content.
    """
    vocabulary: Mapping[str, int] = tokenizer["model"]["vocab"]
    letters = sorted((at, piece) for piece, at in vocabulary.items() if piece.isascii() and piece.isalpha())
    frequent = {piece for _, piece in letters[:common]}
    return [
        piece
        for piece in sorted(vocabulary, key=lambda each: vocabulary[each])
        if piece in {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
        or (len(piece.removeprefix("##")) == 1 and piece.isascii())
        or piece in frequent
        or used.get(piece, 0) > 0
    ]


def with_vocabulary(tokenizer: Mapping[str, Any], kept: Sequence[str]) -> bytes:
    """The tokenizer's file with the kept pieces alone, numbered anew. Words that aren't there are spelled in pieces."""
    numbers = {piece: number for number, piece in enumerate(kept)}
    content = json.loads(json.dumps(tokenizer))
    content["model"]["vocab"] = numbers
    content["added_tokens"] = [
        token | {"id": numbers[token["content"]]} for token in content["added_tokens"] if token["content"] in numbers
    ]
    for token in content["post_processor"]["special_tokens"].values():
        token["ids"] = [numbers[piece] for piece in token["tokens"]]
    content["truncation"] = content["padding"] = None
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _linear(graph: Graph, x: str, weights: Mapping[str, Floats], name: str) -> str:
    return graph.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _floats(graph: Graph, x: str, weights: Mapping[str, npt.NDArray[np.float32]], name: str) -> str:
    """A linear layer that stays in floats: it is small, and decides."""
    product = graph.add("MatMul", x, graph.constant(weights[f"{name}.weight"].T))
    return graph.add("Add", product, graph.constant(weights[f"{name}.bias"]))


def _normalised(graph: Graph, x: str, weights: Mapping[str, Floats], name: str) -> str:
    return graph.normalised(x, weights[f"{name}.weight"], weights[f"{name}.bias"], _EPSILON)
