"""What is shown of a run while it trains."""

from __future__ import annotations

import io

from rich.console import Console
from trainers import make

from gpunet.train import Progress


def test_plain_lines():
    text = io.StringIO()
    trainer, loader = make("cpu")
    trainer.fit(loader, 2, loader, [Progress(Console(file=text, width=30))])
    lines = text.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss 0.")
    for part in ("accuracy", "samples/s", "held out: loss 0.", "s left"):
        assert part in lines[0]
    assert lines[1].endswith("0.0 s left")


def test_a_bar_in_a_terminal(monkeypatch):
    monkeypatch.setattr("gpunet.train.progress._EVERY", 0.0)
    text = io.StringIO()
    trainer, loader = make("cpu")
    progress = Progress(Console(file=text, force_terminal=True, width=120))
    trainer.fit(loader, 2, loader, [progress])
    shown = text.getvalue()
    for part in ("epoch 2/2", "loss 0.", "accuracy", "samples/s", "left", "━"):
        assert part in shown
    assert progress.bar is None


def test_a_loader_of_unknown_length():
    text = io.StringIO()
    trainer, loader = make("cpu")
    progress = Progress(Console(file=text, force_terminal=True, width=120))
    trainer.fit(iter_again(loader), 2, callbacks=[progress])
    assert "epoch 2/2" in text.getvalue()


def iter_again(loader):
    class Again:
        def __iter__(self):
            return iter(loader)

    return Again()


def test_nothing_left_to_do():
    text = io.StringIO()
    trainer, loader = make("cpu")
    trainer.fit(loader, 0, callbacks=[Progress(Console(file=text, force_terminal=True))])
    assert text.getvalue() == ""
