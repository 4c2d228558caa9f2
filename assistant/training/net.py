"""The network: MiniLM's lower layers, one vector for the utterance (the mean of its words), a linear layer a question.

Needs torch. Shapes: B utterances, N word pieces, W width. Weights are named as in the encoder's file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

MAX_PIECES = 48
_EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network is."""

    pieces: int
    """In the vocabulary."""
    layers: int
    heads: int
    width: int
    inner: int
    """Width inside a layer."""


class Layer(nn.Module):
    """Attention, then two linear layers, each added to what it was given and normalised."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.wide, self.narrow = nn.Linear(width, shape.inner), nn.Linear(shape.inner, width)
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=_EPSILON) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, pieces, width = x.shape

        def by_head(y: Tensor) -> Tensor:
            return y.view(batch, pieces, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = by_head(self.query(x)), by_head(self.key(x)), by_head(self.value(x))
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = self.out(seen.transpose(1, 2).reshape(batch, pieces, width))
        x = self.norm1(x + self.dropout(seen))
        normalised: Tensor = self.norm2(x + self.dropout(self.narrow(functional.gelu(self.wide(x)))))
        return normalised


class Net(nn.Module):
    """Word pieces -> logits of each question."""

    def __init__(self, shape: Shape, questions: Mapping[str, int], tags: int, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.pieces, shape.width)
        self.place = nn.Embedding(MAX_PIECES, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=_EPSILON)
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))
        self.questions = nn.ModuleDict({name: nn.Linear(shape.width, count) for name, count in questions.items()})
        self.tags = nn.Linear(shape.width, tags)
        self.dropout = nn.Dropout(dropout)

    def forward(self, pieces: Tensor, present: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """`pieces` (B, N), whether each is there -> logits by question (B, answers), and of the tags (B, N, tags)."""
        x = self.embedding(pieces) + self.place.weight[: pieces.shape[1]]
        x = self.dropout(self.norm(x))
        mask = present[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        weights = present[:, :, None].to(x.dtype)
        mean = self.dropout((x * weights).sum(1) / weights.sum(1))
        return {name: question(mean) for name, question in self.questions.items()}, self.tags(self.dropout(x))


def load_net(folder: Path, layers: Sequence[int], kept: Sequence[int], questions: Mapping[str, int], tags: int) -> Net:
    """MiniLM with the layers and word pieces named; the questions' own weights are new."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    weights = load_file(folder / "model.safetensors")
    shape = Shape(
        len(kept), len(layers), config["num_attention_heads"], config["hidden_size"], config["intermediate_size"]
    )
    net = Net(shape, questions, tags, config["hidden_dropout_prob"])
    own = net.state_dict()
    own["embedding.weight"] = weights["embeddings.word_embeddings.weight"][list(kept)]
    places = weights["embeddings.position_embeddings.weight"][:MAX_PIECES]
    own["place.weight"] = places + weights["embeddings.token_type_embeddings.weight"][0]
    for part in ("weight", "bias"):
        own[f"norm.{part}"] = weights[f"embeddings.LayerNorm.{part}"]
        for at, layer in enumerate(layers):
            for name, theirs in (
                ("query", "attention.self.query"),
                ("key", "attention.self.key"),
                ("value", "attention.self.value"),
                ("out", "attention.output.dense"),
                ("norm1", "attention.output.LayerNorm"),
                ("wide", "intermediate.dense"),
                ("narrow", "output.dense"),
                ("norm2", "output.LayerNorm"),
            ):
                own[f"layers.{at}.{name}.{part}"] = weights[f"encoder.layer.{layer}.{theirs}.{part}"]
    net.load_state_dict(own)
    return net


def arrays(net: Net) -> dict[str, np.ndarray]:
    """The weights, float32."""
    return {name: value.detach().numpy().astype(np.float32) for name, value in net.state_dict().items()}
