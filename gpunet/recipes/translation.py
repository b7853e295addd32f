"""Recipes that translate English into Japanese (small_parallel_enja)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import optim
from ..backend import Device
from ..functions.data import from_numpy
from ..optim.lr_scheduler import OneCycleLR
from ..text import BucketBatchSampler, Vocabulary, bleu, padded
from ..utils.data import DataLoader, Dataset
from .decoding import decode
from .recipe import Settings
from .run import Run
from .sequence_trainer import SequenceRecipe, next_token

__all__ = ["SentencePairs", "Translation", "collate"]

#: Words that occur less often are unknown ones.
_MIN_COUNT = 2
#: Beginnings that the beam search keeps.
_BEAM = 5


class SentencePairs(Dataset):
    """Sentences and their translations as numbers, the latter with start and end.

    Parameters
    ----------
    sources, targets : sequence of int64 arrays
    """

    def __init__(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]):
        self.sources = sources
        self.targets = targets

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.sources[index], self.targets[index]

    def __len__(self) -> int:
        return len(self.sources)


def collate(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Any]:
    """A mini-batch: sources, their lengths, and targets without their last and their first word.

    The lengths stay a NumPy array on the host, where packing wants them.
    """
    sources, lengths = padded([source for source, _ in pairs])
    targets, _ = padded([target for _, target in pairs])
    return [
        from_numpy(sources),
        lengths,
        from_numpy(np.ascontiguousarray(targets[:, :-1])),
        from_numpy(np.ascontiguousarray(targets[:, 1:])),
    ]


class Translation(SequenceRecipe):
    """The base class: 50,000 pairs to train on, 500 held out, and 500 for the BLEU score.

    What is measured while it trains is the cross-entropy per word, with the labels smoothed.

    Attributes
    ----------
    source, target : Vocabulary
        Of English and Japanese.
    """

    metrics: Mapping[str, Callable[[Any, Any], Any]] = {}
    source: Vocabulary
    target: Vocabulary

    def __init__(self) -> None:
        self.test: tuple[list[str], list[str]] = ([], [])

    def data(self, folder: Path | None) -> tuple[SentencePairs, SentencePairs]:  # type: ignore[override]
        from ..datasets import load_enja

        pairs = load_enja(folder)
        self.source, self.target = [
            Vocabulary.build(lines, "whitespace", _MIN_COUNT) for lines in pairs.train
        ]
        self.test = pairs.test
        return self._encoded(*pairs.train), self._encoded(*pairs.validation)

    def _encoded(self, sources: Sequence[str], targets: Sequence[str]) -> SentencePairs:
        return SentencePairs(
            [self.source.encode(line) for line in sources],
            [self.target.encode(line, start=True, end=True) for line in targets],
        )

    def loader(self, dataset: Any, batch_size: int, device: Device, shuffle: bool) -> DataLoader:
        lengths = [len(target) for target in dataset.targets]
        sampler = BucketBatchSampler(lengths, min(batch_size, 256), shuffle)
        return DataLoader(dataset, batch_sampler=sampler, collate_fn=collate, device=device)

    def loss(self) -> Callable[[Any, Any], Any]:
        return partial(next_token, padding=0, smoothing=0.1)

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(
            optimizer, settings.lr, total_steps=settings.epochs * batches, pct_start=0.2
        )

    def keep(self, folder: Path) -> None:
        self.source.save(folder / "english.json")
        self.target.save(folder / "japanese.json")

    def restore(self, folder: Path) -> None:
        self.source = Vocabulary.load(folder / "english.json")
        self.target = Vocabulary.load(folder / "japanese.json")

    def translate(self, model: Any, lines: Sequence[str], beam: int = 1) -> list[str]:
        """The Japanese of English lines, words with a space between them."""
        sources = [self.source.encode(line) for line in lines]
        start, end = self.target.start, self.target.end
        assert start is not None
        assert end is not None
        return [self.target.decode(words) for words in decode(model, sources, start, end, beam)]

    def remarks(self, run: Run) -> list[str]:
        """BLEU of the test pairs, greedily and by beam search, and some sentences."""
        english, japanese = self.test
        references = [line.split() for line in japanese]
        lines, said = [], []
        for beam in (1, _BEAM):
            said = self.translate(run.module, english, beam)
            score = bleu([line.split() for line in said], references)
            how = "greedy" if beam == 1 else f"beam of {beam}"
            lines.append(f"BLEU {score:.2f} ({how}), {len(english)} test sentences")
        for i in range(min(3, len(english))):
            lines += [
                f"  {english[i]}",
                f"    said:      {said[i]}",
                f"    reference: {japanese[i]}",
            ]
        return lines

    def finish(self, run: Run, folder: Path) -> list[str]:
        from .attention_picture import draw_attention

        draw_attention(run.module, self, self.test[0], folder)
        return ["attention.png", "attention.txt"]
