"""Text out of a character model: `gpunet generate`."""

from __future__ import annotations

import numpy as np

from ..autograd import no_grad
from ..backend import backend_of
from ..backend.rng import Generator
from ..functions.data import from_numpy
from ..functions.sampling import rand
from ..nn import Module
from ..text import Vocabulary
from .shakespeare import CharacterModel

__all__ = ["chosen", "generate"]


def generate(
    model: Module,
    vocabulary: Vocabulary,
    prompt: str,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> str:
    """Let a character model go on with `prompt`.

    Each character is drawn with the probabilities ``softmax(scores / T)``.

    Parameters
    ----------
    model : CharacterModel
    vocabulary : Vocabulary
        Of the model.
    prompt : str
        At least one character.
    length : int
        Characters that are added.
    temperature : float
        T; below 1 what is probable becomes more probable; 0 takes the most probable. Default: 1.
    top_k : int, optional
        Draw from so many of the most probable ones only.
    seed : int
        The same seed gives the same text.

    Returns
    -------
    str
        The prompt and what was added.

    Raises
    ------
    ValueError
        If the model is another, the prompt is empty or has a character that the model does not
        know, or a number is out of range.
    """
    if not isinstance(model, CharacterModel):
        raise ValueError(f"model: expected one that writes text, got {type(model).__name__}")
    if not prompt:
        raise ValueError("prompt: expected at least one character")
    if length < 0:
        raise ValueError(f"length: expected 0 or more, got {length}")
    if not 0 <= temperature < np.inf:
        raise ValueError(f"temperature: expected a number, 0 or more, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k: expected 1 or more, got {top_k}")
    numbers = vocabulary.encode(prompt)
    device = next(model.parameters()).device  # type: ignore[attr-defined]
    generator = Generator()
    generator.manual_seed(seed)
    draws = rand(length, generator=generator, dtype="float64", device="cpu").array
    added = []
    state = None
    training = model.training
    model.eval()
    try:
        with no_grad():
            for draw in draws:
                tokens = from_numpy(numbers[None]).to(device)
                scores, state = model.go_on(tokens, state)
                last = backend_of(scores.array).to_numpy(scores.array[0, -1])
                numbers = np.array([chosen(last, draw, temperature, top_k)])
                added.append(int(numbers[0]))
    finally:
        model.train(training)
    return prompt + vocabulary.decode(added)


def chosen(scores: np.ndarray, draw: float, temperature: float, top_k: int | None) -> int:
    """The number that `draw`, from 0 to 1, picks by the probabilities ``softmax(scores / T)``."""
    if temperature == 0:
        return int(scores.argmax())
    weights = scores.astype(np.float64) - scores.max()
    weights = np.exp(weights / temperature)
    if top_k is not None and top_k < len(weights):
        # Of equal ones those that come first stay.
        weights[np.argsort(-weights, kind="stable")[top_k:]] = 0
    sums = weights.cumsum()
    found = int(np.searchsorted(sums, draw * sums[-1], side="right"))
    return min(found, int(np.flatnonzero(weights)[-1]))
