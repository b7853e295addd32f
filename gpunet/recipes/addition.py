"""Sums in figures, read and written character by character: "57+5" becomes "62".

Sources: I. Sutskever, O. Vinyals and Q. Le, "Sequence to sequence learning with neural networks",
2014, which also turns the input round; K. Saitoh, "Deep Learning from Scratch 2", 2018, chapter 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, optim
from ..autograd import no_grad
from ..backend import backend_of
from ..backend.rng import Generator
from ..functions.creation import full
from ..functions.data import from_numpy
from ..functions.joining import cat
from ..functions.sampling import randperm
from ..optim.lr_scheduler import OneCycleLR
from ..text import Vocabulary
from ..utils.data import TensorDataset
from .recipe import Settings
from .run import Run
from .sequence_trainer import SequenceRecipe, SequenceTrainer, next_token

__all__ = ["RECIPE", "Adder", "Addition"]

_SYMBOLS = Vocabulary("_0123456789+ ", "characters", {"start": "_"})
#: Characters of an answer.
_ANSWER = 4


class Adder(nn.Module):
    """An LSTM reads the question; another, which sees the first's last state, writes the answer.

    Parameters
    ----------
    symbols, embedding, hidden : int
    """

    def __init__(self, symbols: int, embedding: int = 32, hidden: int = 128):
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.encoder = nn.LSTM(embedding, hidden, batch_first=True)
        self.decoder = nn.LSTM(embedding + hidden, hidden, batch_first=True)
        self.output = nn.Linear(2 * hidden, symbols)

    def forward(self, questions: Any, answers: Any) -> Any:
        """Scores (N, 4, V) of each character after those of the right answer before it."""
        _, state = self.encoder(self.embedding(questions))
        return self._decode(answers, state[0][-1], state)[0]

    def answer(self, questions: Any, start: int, length: int = _ANSWER) -> Any:
        """The answers (N, length) that are written when each character follows from the last."""
        _, state = self.encoder(self.embedding(questions))
        context = state[0][-1]
        token = full((questions.shape[0], 1), start, device=questions.device)
        written = []
        for _ in range(length):
            scores, state = self._decode(token, context, state)
            token = scores.argmax(2)
            written.append(token)
        return cat(written, 1)

    def _decode(self, tokens: Any, context: Any, state: Any) -> tuple[Any, Any]:
        seen = context.unsqueeze(1).expand(-1, tokens.shape[1], -1)
        outputs, state = self.decoder(cat([self.embedding(tokens), seen], 2), state)
        return self.output(cat([outputs, seen], 2)), state


class AddingTrainer(SequenceTrainer):
    """Counts an answer as right when all its characters are, each following from the last."""

    def evaluation_step(self, batch: Any) -> Any:
        questions, _, targets = batch
        values = dict(super().evaluation_step(batch))
        written = self.model.answer(questions, _SYMBOLS.start)  # type: ignore[union-attr]
        right = (written.array == targets.array).all(axis=1)
        values["accuracy"] = backend_of(right).xp.count_nonzero(right) / right.size
        return values


class Addition(SequenceRecipe):
    """A tenth of the sums is held out, always the same.

    Parameters
    ----------
    reverse : bool
        Read the question from its end: its last figures come first and are nearer to those of the
        answer that are needed first.
    """

    metrics: Mapping[str, Callable[[Any, Any], Any]] = {}
    trainer_type = AddingTrainer

    def __init__(self, reverse: bool = False):
        self.reverse = reverse
        self.name = "addition-reversed" if reverse else "addition"
        self.description = "sums of figures by an encoder and a decoder, LSTMs of 128" + (
            ", the question read from its end" if reverse else ""
        )
        self.settings = Settings(epochs=15, batch_size=128, lr=0.005)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_addition

        questions, answers = load_addition(folder)
        asked = np.array([_SYMBOLS.encode(question) for question in questions])
        if self.reverse:
            asked = np.ascontiguousarray(asked[:, ::-1])
        wanted = np.array([_SYMBOLS.encode(answer, start=True) for answer in answers])
        generator = Generator()
        generator.manual_seed(0)
        order = randperm(len(asked), generator=generator, device="cpu").array
        parts = []
        for part in np.split(order, [len(order) - len(order) // 10]):
            arrays = asked[part], wanted[part, :-1], wanted[part, 1:]
            parts.append(TensorDataset(*[from_numpy(np.ascontiguousarray(a)) for a in arrays]))
        return parts[0], parts[1]

    def model(self) -> nn.Module:
        return Adder(len(_SYMBOLS))

    def loss(self) -> Callable[[Any, Any], Any]:
        return next_token

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)

    def remarks(self, run: Run) -> list[str]:
        """Some questions of the held-out part with the answers that the model writes."""
        questions, _, targets = run.held_out.dataset[:5]
        run.module.eval()
        with no_grad():
            written = run.module.answer(questions, _SYMBOLS.start).to("cpu").array
        lines = []
        for question, said, right in zip(questions.to("cpu").array, written, targets.tolist()):
            text = _SYMBOLS.decode(question[::-1] if self.reverse else question)
            mark = "" if said.tolist() == right else f" (not {_SYMBOLS.decode(right).strip()})"
            lines.append(f"{text.strip()} = {_SYMBOLS.decode(said).strip()}{mark}")
        return lines


RECIPE = Addition()
