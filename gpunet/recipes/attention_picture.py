"""A picture of where a translation looks: the order of the words changes between languages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import no_grad
from ..backend import backend_of
from ..functions.data import from_numpy
from ..io import replacing
from .decoding import decode

if TYPE_CHECKING:
    from .translation import Translation

__all__ = ["attention_of", "draw_attention"]

#: Words of a sentence that makes a good picture.
_WORDS = (6, 10)
#: Fonts with Japanese signs, as systems come with them.
_FONTS = (
    "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic",
    "Hiragino Sans", "Hiragino Maru Gothic Pro", "Yu Gothic", "Meiryo", "MS Gothic",
    "Droid Sans Fallback", "WenQuanYi Zen Hei", "Arial Unicode MS",
)  # fmt: skip


def attention_of(model: Any, recipe: Translation, line: str) -> tuple[list[str], np.ndarray]:
    """The words of the greedy translation of `line`, and where each looked.

    Returns
    -------
    words : list of str
        With the end token.
    weights : float array of shape (words, source words)
    """
    source = recipe.source.encode(line)
    start, end = recipe.target.start, recipe.target.end
    assert start is not None
    assert end is not None
    (written,) = decode(model, [source], start, end)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    try:
        with no_grad():
            weights = model.attention(
                from_numpy(source[None]).to(device),
                np.array([len(source)]),
                from_numpy(np.array([[start, *written]])).to(device),
            ).array
    finally:
        model.train(training)
    words = [recipe.target.tokens[number] for number in (*written, end)]
    return words, backend_of(weights).to_numpy(weights)[0]


def draw_attention(model: Any, recipe: Translation, lines: Sequence[str], folder: Path) -> None:
    """Draw where the translation of one of `lines` looks: the first of a good length.

    Beside ``attention.png`` there is ``attention.txt``, with a line for each Japanese word: its
    number, and the English word that it looked at most. Where no font has Japanese signs, the
    picture has the numbers alone.
    """
    from matplotlib import font_manager
    from matplotlib.figure import Figure

    few, many = _WORDS
    unknown = recipe.source.unknown
    good = [
        line
        for line in lines
        if few <= len(line.split()) <= many and unknown not in recipe.source.encode(line)
    ]
    line = (good or list(lines))[0]
    words, weights = attention_of(model, recipe, line)
    source = line.split()
    looked = [source[column] for column in weights.argmax(1)]
    rows = [f"{i + 1:2d} {word} <- {at}" for i, (word, at) in enumerate(zip(words, looked))]
    with replacing(folder / "attention.txt") as file:
        file.write("\n".join([line, *rows, ""]).encode())
    there = {font.name for font in font_manager.fontManager.ttflist}
    font = next((name for name in _FONTS if name in there), None)
    figure = Figure(
        figsize=(2.4 + 0.6 * weights.shape[1], 2.2 + 0.42 * len(words)), layout="constrained"
    )
    panel = figure.subplots()
    image = panel.imshow(weights, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    panel.set_xticks(range(weights.shape[1]), source, rotation=45, ha="left")
    panel.xaxis.tick_top()
    if font is None:
        panel.set_yticks(range(len(words)), [str(i + 1) for i in range(len(words))])
        panel.set_ylabel("number of the Japanese word")
    else:
        panel.set_yticks(range(len(words)), words, fontfamily=font)
    for row, column in enumerate(weights.argmax(1)):
        panel.plot(column, row, ".", color="red", markersize=4)
    figure.colorbar(image, label="weight of the attention")
    with replacing(folder / "attention.png") as file:
        figure.savefig(file, format="png", dpi=120)
