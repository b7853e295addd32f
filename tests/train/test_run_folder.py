"""The run folder: what is in it, and what happens when it cannot be written."""

from __future__ import annotations

import errno
import json
import os
import signal

import pytest
from trainers import make, weights, without_time

from gpunet.io import load_file, load_metadata
from gpunet.train import Callback, Interrupted, NonFiniteLoss, NotARun, RunFolder


def kept(path, every=0.0):
    folder = RunFolder(path / "run", every)
    folder.make()
    folder.write_config({"recipe": "none"})
    return folder


def test_what_is_in_it(device, tmp_path):
    folder = kept(tmp_path)
    trainer, loader = make(device)
    trainer.fit(loader, 3, loader, [folder])
    folder.finish(trainer, trainer.model, {"recipe": "none"})
    assert sorted(p.name for p in folder.path.iterdir()) == [
        "checkpoint.safetensors", "config.json", "curve.png", "history.jsonl", "model.safetensors",
    ]  # fmt: skip
    lines = [json.loads(line) for line in folder.history_file.read_text().splitlines()]
    assert lines == trainer.history
    assert folder.read_config() == {"recipe": "none"}
    assert load_metadata(folder.model_file) == {"recipe": "none"}
    assert set(load_file(folder.model_file)) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    other, _ = make(device, seed=4)
    other.load_checkpoint(folder.checkpoint)
    assert weights(other) == weights(trainer)
    assert other.history == trainer.history


def test_a_checkpoint_after_so_many_seconds(tmp_path):
    for every, expected in ((0.0, 12), (1000.0, 0)):  # after each step and each epoch
        folder = kept(tmp_path / str(every), every)
        trainer, loader = make("cpu")
        saved = []
        save = trainer.save_checkpoint
        trainer.save_checkpoint = lambda path, save=save, saved=saved: saved.append(save(path))
        trainer.fit(loader, 2, callbacks=[folder])
        assert len(saved) == expected


def test_the_history_is_that_of_the_checkpoint(tmp_path):
    folder = kept(tmp_path)
    trainer, loader = make("cpu")
    trainer.fit(loader, 3, callbacks=[folder])
    trainer.save_checkpoint(folder.checkpoint)
    with folder.history_file.open("a") as file:
        file.write('{"epoch": 4, "train_lo')  # killed in the midst of a line
    trainer.fit(loader, 1, callbacks=[folder])
    lines = [json.loads(line) for line in folder.history_file.read_text().splitlines()]
    assert without_time(lines) == without_time(trainer.history)
    assert len(lines) == 4


def test_two_runs_do_not_mix(tmp_path):
    folder = kept(tmp_path)
    with pytest.raises(FileExistsError, match="there is a run in it already"):
        folder.make()


def test_what_is_no_run(tmp_path):
    with pytest.raises(NotARun, match="is not a run folder: it has no config"):
        RunFolder(tmp_path).read_config()
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(NotARun, match=r"config\.json is damaged"):
        RunFolder(tmp_path).read_config()
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(NotARun, match="expected a JSON object"):
        RunFolder(tmp_path).read_config()
    with pytest.raises(ValueError, match="every: expected seconds"):
        RunFolder(tmp_path, -1.0)


class Signal(Callback):
    """Sends this process a signal in a step, and notes whether the step was completed."""

    def __init__(self, number, step):
        self.number, self.step = number, step

    def on_batch_end(self, trainer, samples):
        if trainer.step == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [3, 5, 7])
def test_an_interruption_leaves_a_checkpoint(number, step, tmp_path):
    folder = kept(tmp_path, every=1000.0)
    before = signal.getsignal(number)
    trainer, loader = make("cpu", dropout=0.2)
    with pytest.raises(Interrupted, match=number.name) as caught:
        trainer.fit(loader, 3, loader, [folder, Signal(number, step)])
    assert caught.value.signal == number
    assert signal.getsignal(number) is before
    again, loader = make("cpu", seed=5, dropout=0.2)
    again.load_checkpoint(folder.checkpoint)
    assert again.step == step
    again.fit(loader, 3 - again.epoch, loader)
    whole, loader = make("cpu", dropout=0.2)
    whole.fit(loader, 3, loader)
    assert weights(again) == weights(whole)
    assert without_time(again.history) == without_time(whole.history)


def test_an_interruption_while_the_held_out_data_are_evaluated(tmp_path):
    folder = kept(tmp_path, every=1000.0)
    trainer, loader = make("cpu", dropout=0.2)
    step = trainer.evaluation_step

    def interrupted(batch):
        os.kill(os.getpid(), signal.SIGINT)
        return step(batch)

    trainer.evaluation_step = interrupted
    with pytest.raises(Interrupted):
        trainer.fit(loader, 2, loader, [folder])
    again, loader = make("cpu", seed=5, dropout=0.2)
    again.load_checkpoint(folder.checkpoint)
    assert (again.epoch, again.batch) == (0, 5)
    again.fit(loader, 2, loader)
    whole, loader = make("cpu", dropout=0.2)
    whole.fit(loader, 2, loader)
    assert weights(again) == weights(whole)
    assert without_time(again.history) == without_time(whole.history)


def test_a_second_signal_does_not_wait(tmp_path):
    trainer, loader = make("cpu")

    def endless(batch):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second signal was not raised")

    trainer.training_step = endless
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, 1)


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    """The checkpoint before is whole, and the error says which file."""
    folder = kept(tmp_path)
    trainer, loader = make("cpu")
    trainer.fit(loader, 1, callbacks=[folder])
    before = folder.checkpoint.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        trainer.save_checkpoint(folder.checkpoint)
    monkeypatch.undo()
    assert folder.checkpoint.read_bytes() == before
    assert not [p for p in folder.path.iterdir() if p.name.endswith(".tmp")]


def test_a_state_that_has_gone_bad_is_not_saved(tmp_path):
    """The step's loss was finite, and its update spoils the weights."""
    import math

    folder = kept(tmp_path)
    trainer, loader = make("cpu")
    trainer.fit(loader, 1, callbacks=[folder])
    before = folder.checkpoint.read_bytes()
    step = trainer.optimizer.step

    def spoil():
        step()
        trainer.model[0].bias.data.array[0] = math.inf

    trainer.optimizer.step = spoil
    with pytest.raises(NonFiniteLoss):
        trainer.fit(loader, 1, callbacks=[folder])
    assert folder.checkpoint.read_bytes() == before
