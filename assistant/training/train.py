"""The training loop, and the temperatures that make its probabilities honest."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from assistant.nlu.tasks import TASKS
from assistant.training.data import Answers, Example
from assistant.training.net import MAX_PIECES, Net
from assistant.training.transitions import written

IGNORED = -100
_WEIGHTS = {"intent": 1.0, "label": 0.5, "task": 0.3}
_TAGS_WEIGHT = 0.5
_BATCH = 48
_CHANCE = 0.005
"""Sums of two shares of some hundred that differ by less are alike."""
_WARM_UP = 0.06
_LIMIT = 1.0
_NEW_FASTER = 10.0
"""How much faster new weights learn than MiniLM's."""


@dataclass(frozen=True, slots=True)
class Item:
    """An example in numbers."""

    pieces: tuple[int, ...]
    intents: tuple[int, ...]
    label: int
    task: int
    tags: tuple[int, ...]
    """One a piece, IGNORED where it doesn't count."""


def item_of(example: Example, tokenizer: Tokenizer, known: Answers) -> Item:
    """Cut to MAX_PIECES."""
    encoding = tokenizer.encode(list(example.words), is_pretokenized=True)
    pieces = encoding.ids[:MAX_PIECES]
    tags = [IGNORED] * len(pieces)
    if example.tags is not None:
        numbers = {tag: number for number, tag in enumerate(known.tags)}
        seen = -1
        wanted = tuple(written(example))
        for at, word in enumerate(encoding.word_ids[: len(pieces)]):
            if word is not None and word != seen:
                tags[at] = numbers[wanted[word]]
                seen = word
    return Item(
        tuple(pieces),
        tuple(known.intent.index(intent) for intent in example.intents),
        known.label.index(example.label) if example.label else IGNORED,
        known.task.index(example.task) if example.task else IGNORED,
        tuple(tags),
    )


def train(  # noqa: PLR0913 - settings, all by name
    net: Net,
    examples: Callable[[int], Sequence[Item]],
    *,
    epochs: int,
    rate: float,
    seed: int,
    say: Callable[[float, float], None],
) -> None:
    """`examples` gives each epoch's. `say` hears the share done and the loss."""
    torch.manual_seed(seed)
    pick = random.Random(seed)  # noqa: S311 - no secret
    new = [parameter for name, parameter in net.named_parameters() if name.startswith(("questions", "tags"))]
    old = [parameter for name, parameter in net.named_parameters() if not name.startswith(("questions", "tags"))]
    groups = [{"params": old, "lr": rate}, {"params": new, "lr": rate * _NEW_FASTER}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    steps = math.ceil(len(examples(0)) / _BATCH) * epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(step / (_WARM_UP * steps), max(0.0, (steps - step) / ((1 - _WARM_UP) * steps)))
    )
    net.train()
    rare = _balance(examples(0))
    step, mean, told_s = 0, 0.0, time.monotonic()
    for epoch in range(epochs):
        for batch in _batches(examples(epoch), pick):
            loss = _loss(net, batch, rare)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), _LIMIT)
            optimiser.step()
            schedule.step()
            step += 1
            mean += (loss.item() - mean) * max(0.02, 1 / step)
            if time.monotonic() - told_s > 1.0:
                told_s = time.monotonic()
                say(step / steps, mean)
    net.eval()


@torch.no_grad()
def answers(net: Net, items: Sequence[Item]) -> dict[str, npt.NDArray[np.float32]]:
    """Logits of each question, (items, answers)."""
    net.eval()
    found: dict[str, npt.NDArray[np.float32]] = {}
    order = sorted(range(len(items)), key=lambda at: len(items[at].pieces))
    for start in range(0, len(order), 256):
        chosen = order[start : start + 256]
        logits, _ = net(*_padded([items[at] for at in chosen]))
        for name, values in logits.items():
            found.setdefault(name, np.zeros((len(items), values.shape[1]), np.float32))[chosen] = values.numpy()
    return found


def temperature(logits: npt.NDArray[np.float32], right: Sequence[Sequence[int]]) -> float:
    """By which logits are divided, so that the probability of an answer is that of its being right."""
    rows = [at for at, answers_ in enumerate(right) if answers_]

    def cost(log_temperature: float) -> float:
        scaled = torch.tensor(logits[rows]) / math.exp(log_temperature)
        return -sum(
            float(torch.logsumexp(each[list(right[row])], 0))
            for row, each in zip(rows, functional.log_softmax(scaled, -1), strict=True)
        )

    return math.exp(min(np.arange(-1.0, 1.5, 0.05), key=cost))


def scope_offset(logits: npt.NDArray[np.float32], right: Sequence[Sequence[int]], outside: int) -> float:
    """What is added to the logit of `outside`, so that the shares right within and outside the scope add up to most; of
    offsets that come to the same but for chance, the smallest."""
    rows = [at for at, answers_ in enumerate(right) if answers_]
    within = np.array([outside not in right[at] for at in rows])

    def shares(offset: float) -> float:
        moved = logits[rows].copy()
        moved[:, outside] += offset
        hits = np.array([best in right[at] for at, best in zip(rows, moved.argmax(1), strict=True)])
        return float(hits[within].mean() + hits[~within].mean())

    sums = {float(offset): shares(offset) for offset in np.arange(0.0, -3.01, -0.25)}
    enough = max(sums.values()) - _CHANCE
    return next(offset for offset, found in sums.items() if found >= enough)


def _loss(net: Net, batch: Sequence[Item], rare: Tensor) -> Tensor:
    logits, tags = net(*_padded(batch))
    total = torch.zeros(())
    known = [at for at, item in enumerate(batch) if item.intents]
    if known:
        scores = functional.log_softmax(logits["intent"][known], -1)
        right = torch.full_like(scores, -math.inf)
        for row, at in enumerate(known):
            right[row, list(batch[at].intents)] = 0.0
        total = total - _WEIGHTS["intent"] * torch.logsumexp(scores + right, -1).mean()
    for name in ("label", "task"):
        wanted = torch.tensor([getattr(item, name) for item in batch])
        if (wanted != IGNORED).any():
            total = total + _WEIGHTS[name] * functional.cross_entropy(
                logits[name], wanted, weight=rare if name == "task" else None, ignore_index=IGNORED
            )
    wanted = _filled([item.tags for item in batch], IGNORED)
    if (wanted != IGNORED).any():
        total = total + _TAGS_WEIGHT * functional.cross_entropy(
            tags.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED
        )
    return total


def _balance(items: Sequence[Item]) -> Tensor:
    """Weights of the task types: rare ones count more, by the square root of their rarity."""
    counts = Counter(item.task for item in items if item.task != IGNORED)
    return torch.tensor([(len(items) / len(TASKS) / max(counts[task], 1)) ** 0.5 for task in range(len(TASKS))])


def _batches(items: Sequence[Item], pick: random.Random) -> Iterator[list[Item]]:
    """Shuffled; those of a batch are about equally long."""
    shuffled = pick.sample(list(items), len(items))
    pool = 50 * _BATCH
    batches = []
    for start in range(0, len(shuffled), pool):
        near = sorted(shuffled[start : start + pool], key=lambda item: len(item.pieces))
        batches += [near[at : at + _BATCH] for at in range(0, len(near), _BATCH)]
    pick.shuffle(batches)
    yield from batches


def _padded(items: Sequence[Item]) -> tuple[Tensor, Tensor]:
    pieces = _filled([item.pieces for item in items], 0)
    lengths = torch.tensor([len(item.pieces) for item in items])
    return pieces, torch.arange(pieces.shape[1])[None, :] < lengths[:, None]


def _filled(rows: Sequence[Sequence[int]], filling: int) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filling] * (width - len(row))] for row in rows])
