"""The exported model says what the trained network says."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from assistant.nlu.tasks import TASKS
from assistant.training.data import TAGS, Answers, Example
from assistant.training.export import to_onnx

torch = pytest.importorskip("torch", reason="needs the extra `train`")


def test_the_exported_model_agrees_with_the_network() -> None:
    from assistant.training.net import Net, Shape, arrays

    torch.manual_seed(0)
    shape = Shape(pieces=40, layers=2, heads=4, width=64, inner=96)
    net = Net(shape, {"intent": 7, "task": 3, "label": 5}, tags=9, dropout=0.1).eval()
    model = to_onnx(arrays(net), layers=2, heads=4, questions=("intent", "task"), blockwise=False)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == ["intent", "task", "tags"]
    for length in (1, 5, 20):
        pieces = np.random.default_rng(length).integers(0, 40, length)
        made = dict(zip(names, session.run(None, {"pieces": pieces, "places": np.arange(length)}), strict=True))
        with torch.no_grad():
            logits, tags = net(torch.tensor(pieces[None]), torch.ones(1, length, dtype=torch.bool))
        for name, wanted in {**logits, "tags": tags}.items():
            if name in made:
                assert made[name] == pytest.approx(wanted.numpy(), abs=0.1)
                assert np.corrcoef(made[name].ravel(), wanted.numpy().ravel())[0, 1] > 0.99


def test_training_lowers_the_loss_and_knows_what_it_was_taught() -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    from assistant.training.net import Net, Shape
    from assistant.training.train import answers as answered
    from assistant.training.train import item_of, scope_offset, temperature, train

    words = ["lamp", "on", "off", "please", "what", "who", "the", "a"]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="the"))
    tokenizer.pre_tokenizer = Whitespace()
    tags = ("O", *(f"{part}-{tag}" for tag in TAGS for part in "BI"))
    known = Answers(("HassTurnOff", "HassTurnOn", "out_of_scope"), ("x/1",), TASKS, tags)
    examples = [
        Example(("lamp", "on"), ("HassTurnOn",), ("name", ""), "entity_extraction", "x/1"),
        Example(("the", "lamp", "off"), ("HassTurnOff",), ("", "name", ""), "entity_extraction"),
        Example(("what", "who"), ("out_of_scope",), None, "rag_retrieval"),
        Example(("on", "please"), ("HassTurnOn", "HassTurnOff"), None, ""),
    ]
    items = [item_of(example, tokenizer, known) for example in examples]
    torch.manual_seed(0)
    counts = {"intent": 3, "label": 1, "task": len(TASKS)}
    net = Net(Shape(pieces=8, layers=1, heads=2, width=16, inner=32), counts, len(tags), 0.0)
    losses: list[float] = []
    train(net, lambda _: items * 12, epochs=60, rate=3e-3, seed=0, say=lambda _, loss: losses.append(loss))
    logits = answered(net, items)
    assert list(logits["intent"].argmax(1)[:3]) == [1, 0, 2]
    assert list(logits["task"].argmax(1)[:2]) == [TASKS.index("entity_extraction")] * 2
    right = [item.intents for item in items]
    assert 0.3 < temperature(logits["intent"], right) < 5
    assert scope_offset(logits["intent"], right, outside=2) == 0.0, "nothing is turned away that shouldn't be"
