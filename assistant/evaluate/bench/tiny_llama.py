"""Writes a tiny Llama of random weights, its byte-level tokenizer and a chat template: `tiny_llama.py FOLDER`.

Run by a Python that has `transformers`, and not the product: vLLM's own environment.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
CONTEXT_TOKENS = 2048
LETTERS = "abcdefghijklmnopqrstuvwxyz\u0120"
"""And the space, as byte-level tokenizers write it."""


def write_model(folder: Path) -> None:
    """The same one every time. Its words are random, but always the same ones to the same question."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _byte_tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        initializer_range=0.5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(shape)
    with torch.no_grad():  # half a character would be held back until it is whole: it speaks in letters alone
        for word, number in tokenizer.get_vocab().items():
            if word not in LETTERS:
                model.lm_head.weight[number] = 0.0
    model.save_pretrained(folder)


def _byte_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = CHAT_TEMPLATE
    return fast


if __name__ == "__main__":
    write_model(Path(sys.argv[1]))
