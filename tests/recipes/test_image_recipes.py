"""The recipes for images: on small made-up data here, on the real data in the slow tests."""

from __future__ import annotations

import os

import numpy as np
import pytest
from opcheck import array_of
from realdata import real_data
from trainers import without_time

import gpunet
from gpunet import cli
from gpunet.datasets import Images
from gpunet.nn import Module, Parameter
from gpunet.optim import SGD
from gpunet.recipes import drawings as drawing
from gpunet.recipes import load_recipe
from gpunet.recipes.denoise import DnCNN
from gpunet.recipes.look import look_at_image, look_into
from gpunet.recipes.run import load_run, prepare, resume, start
from gpunet.train import Callback

OX, DENOISE, TRANSFER = (load_recipe(name) for name in ("ox", "denoise", "transfer"))
PNG = b"\x89PNG"


def made_up(shape, train, test):
    """Images that tell their class by where they are bright."""
    rng = np.random.default_rng(0)

    def part(n):
        labels = np.arange(n) % 10
        images = 0.3 * rng.random((n, *shape), np.float32)
        images[np.arange(n), :, 2 * labels] += 0.7
        return images, labels.astype(np.int64)

    return Images(*part(train), *part(test))


@pytest.fixture(autouse=True)
def one_thread():
    """Teams of threads wait for each other where other tests run beside."""
    threads = gpunet.get_num_threads()
    gpunet.set_num_threads(1)
    yield
    gpunet.set_num_threads(threads)


@pytest.fixture
def small(monkeypatch):
    mnist, cifar = made_up((1, 28, 28), 60, 30), made_up((3, 20, 20), 24, 12)
    monkeypatch.setattr("gpunet.datasets.load_mnist", lambda folder: mnist)
    monkeypatch.setattr("gpunet.datasets.load_cifar10", lambda folder: cifar)
    monkeypatch.setattr("gpunet.recipes.transfer.LABELLED", 3)
    monkeypatch.setattr("gpunet.recipes.cifar_cnn._WIDTHS", (4, 6))
    monkeypatch.setattr(type(DENOISE), "model", lambda self: DnCNN(3, 4, 3))


# --- circles and crosses -------------------------------------------------------------------------


def test_ox_has_30_parameters():
    sizes = {name: p.array.size for name, p in OX.model().named_parameters()}
    assert sizes == {"0.weight": 18, "0.bias": 2, "3.weight": 8, "3.bias": 2}
    assert sum(sizes.values()) == 30


def test_ox_is_learned_and_its_weak_spot_is_told(tmp_path):
    lines = []
    _, held_out = start(OX, device="cpu", seed=0, folder=tmp_path, report=lines.append)
    assert held_out["accuracy"] >= 0.95
    remark = next(line for line in lines if line.startswith("the weak spot"))
    quadrant, centre = (float(x.rstrip("%")) for x in remark.split() if x.endswith("%"))
    assert centre >= 95
    assert quadrant <= 75
    for name in ("filters.png", "responses.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)
        assert name in lines[-1]
    assert OX.remarks(load_run(tmp_path, "cpu")) == [remark]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 10))
def test_ox_is_learned_from_every_seed(seed):
    assert start(OX, device="cpu", seed=seed)[1]["accuracy"] >= 0.95


def test_ox_on_both_devices(device, monkeypatch, tmp_path):
    monkeypatch.setattr("gpunet.recipes.ox._TRAINING", 64)
    monkeypatch.setattr("gpunet.recipes.ox._HELD_OUT", 32)
    settings = OX.settings.replace(epochs=2)
    histories = []
    for place, folder in ((device, tmp_path), ("cpu", None)):
        run, _ = start(OX, settings, place, 3, folder)
        histories.append(run.trainer.history)
    for ours, theirs in zip(*histories):
        assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-4)


def test_drawings_follow_from_the_seed():
    first, again, other = (
        array_of(drawing.drawings(8, drawing.generator(seed, 1)).tensors[0]) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (8, 1, 16, 16)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize("place", ["anywhere", "centre", "quadrant"])
def test_where_drawings_lie(place, monkeypatch):
    monkeypatch.setattr(drawing, "_NOISE", (0.0, 0.0))
    radii = drawing.SMALL if place != "anywhere" else drawing.RADII
    images, labels = drawing.drawings(200, drawing.generator(0, 1), radii, place).tensors
    ink = array_of(images)[:, 0] > 0
    assert list(array_of(labels)) == [0, 1] * 100
    inked = np.stack(
        [part.any(axis=(1, 2)) for half in np.split(ink, 2, 1) for part in np.split(half, 2, 2)], 1
    ).sum(axis=1)
    if place == "quadrant":
        assert (inked == 1).all()
    elif place == "centre":
        assert (inked >= 3).all()
    # A circle is open in the middle and a cross is not.
    if place == "anywhere":
        i, j = np.mgrid[:16, :16]
        for image, label in zip(ink, array_of(labels)):
            y, x = (int(np.rint((axis[image].min() + axis[image].max()) / 2)) for axis in (i, j))
            assert image[y, x] == label


# --- classifiers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist-cnn", "cifar-cnn"])
def test_a_step_of_each_classifier(name, device, small):
    recipe = load_recipe(name)
    run, held_out = start(recipe, recipe.settings.replace(epochs=1, batch_size=12), device, 1)
    assert 0 < held_out["loss"] < 10
    report = look_into(run, 12)
    assert report.layers[0].dense > 100 * report.layers[0].size
    assert look_at_image(run, 3).layers


def test_a_run_with_augmentation_goes_on(small, tmp_path):
    recipe = load_recipe("cifar-cnn")
    settings = recipe.settings.replace(epochs=2, batch_size=8)
    whole, _ = start(recipe, settings, "cpu")
    with pytest.raises(RuntimeError, match="killed"):
        start(
            recipe, settings, "cpu", folder=tmp_path, callbacks=[Kill(4)], checkpoint_every=0
        )  # fmt: skip
    run, _ = resume(tmp_path)
    assert without_time(run.trainer.history) == without_time(whole.trainer.history)


class Kill(Callback):
    """Ends the run at a step, as an error would."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, trainer, samples):
        if trainer.step == self.step:
            raise RuntimeError("killed")


# --- noise ---------------------------------------------------------------------------------------


def test_denoise(device, small, tmp_path, capsys):
    settings = DENOISE.settings.replace(epochs=1, batch_size=12)
    run, held_out = start(DENOISE, settings, device, folder=tmp_path / "run")
    assert set(held_out) == {"loss", "psnr", "gain"}
    clean, given = (array_of(x) for x in run.held_out.dataset.tensors)
    noise = given - clean
    assert noise.std() == pytest.approx(25 / 255, rel=0.02)
    before = -10 * np.log10((noise**2).mean(axis=(1, 2, 3))).mean()
    assert held_out["psnr"] - held_out["gain"] == pytest.approx(before, abs=1e-3)
    assert (tmp_path / "run" / "denoised.png").read_bytes().startswith(PNG)
    again = load_run(tmp_path / "run", device)
    np.testing.assert_array_equal(array_of(again.held_out.dataset.tensors[1]), given)
    assert again.trainer.evaluate(again.held_out) == held_out
    assert look_into(again, 8).samples == 8
    assert look_at_image(again).layers
    if device == "cuda":
        return
    np.save(tmp_path / "photo.npy", np.full((3, 20, 27), 0.5))
    assert cli.main(["predict", str(tmp_path / "run"), str(tmp_path / "photo.npy")]) == 0
    picture = tmp_path / "photo-denoise.png"
    assert str(picture) in capsys.readouterr().out
    image_module = pytest.importorskip("PIL.Image")
    with image_module.open(picture) as file:
        assert (file.size, file.mode) == ((27, 20), "RGB")
    assert cli.main(["predict", str(tmp_path / "run"), str(picture)]) == 0
    assert (tmp_path / "photo-denoise-denoise.png").exists()
    assert cli.main(["evaluate", str(tmp_path / "run"), "--device", "cpu"]) == 0
    assert "gain" in capsys.readouterr().out


def test_the_noise_of_training_is_new_in_each_step(small):
    run = prepare(DENOISE, DENOISE.settings, "cpu")
    run.trainer.model = Notes()
    run.trainer.optimizer = SGD(run.trainer.model.parameters(), lr=0.0)
    for _ in range(2):
        run.trainer.training_step([run.held_out.dataset.tensors[0]])
    first, second = run.trainer.model.seen
    assert (first != second).mean() > 0.99


class Notes(Module):
    """Gives back its inputs, times a parameter, and notes them."""

    def __init__(self):
        super().__init__()
        self.factor = Parameter(gpunet.ones(1))
        self.seen = []

    def forward(self, x):
        self.seen.append(array_of(x).copy())
        return x * self.factor


# --- transfer ------------------------------------------------------------------------------------


def test_transfer(device, small, tmp_path):
    lines = []
    settings = TRANSFER.settings.replace(epochs=2)
    run, held_out = start(TRANSFER, settings, device, 2, tmp_path, report=lines.append)
    assert set(held_out) == {"loss", "accuracy", "scratch_loss", "scratch_accuracy"}
    assert len(run.loader.dataset) == 15
    assert sorted(array_of(run.loader.dataset.tensors[1])) == sorted([0, 1, 2, 3, 4] * 3)
    assert any(line.startswith("features from 30 images of 0 to 4") for line in lines)
    assert any(line.startswith("with 15 labelled images: ") for line in lines)
    assert (tmp_path / "transfer.png").read_bytes().startswith(PNG)
    loaded = load_run(tmp_path, device)
    assert loaded.trainer.evaluate(loaded.held_out) == held_out
    assert TRANSFER.remarks(loaded) == TRANSFER.remarks(run)
    report = look_into(loaded, 8)
    assert [layer.frozen for layer in report.layers] == [True, True, False]


def test_only_the_last_layer_of_transfer_learns(small):
    run = prepare(TRANSFER, TRANSFER.settings, "cpu")
    TRANSFER.begin(run, lambda line: None)
    model, scratch = run.trainer.model, run.trainer.scratch
    before = [array_of(p).copy() for p in model.parameters()]
    old = [array_of(p).copy() for p in scratch.parameters()]
    run.trainer.fit(run.loader, 1)
    changed = [(array_of(p) != b).any() for p, b in zip(model.parameters(), before)]
    assert changed == [False] * 4 + [True] * 2
    assert all((array_of(p) != b).any() for p, b in zip(scratch.parameters(), old))


@pytest.mark.parametrize(("every", "features"), [(0.0, 1), (1000.0, 2)])
def test_features_are_learned_once(every, features, small, tmp_path):
    settings = TRANSFER.settings.replace(epochs=2)
    whole, held_out = start(TRANSFER, settings, "cpu")
    lines = []
    with pytest.raises(RuntimeError, match="killed"):
        start(
            TRANSFER, settings, "cpu", folder=tmp_path, callbacks=[Kill(3)],
            checkpoint_every=every, report=lines.append,
        )  # fmt: skip
    run, again = resume(tmp_path, report=lines.append)
    assert sum(line.startswith("features") for line in lines) == features
    assert again == held_out
    assert without_time(run.trainer.history) == without_time(whole.trainer.history)


# --- the real data -------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "data", "figure", "least"),
    [
        ("mnist-cnn", "mnist", "accuracy", 0.99),
        ("cifar-cnn", "cifar10_subset", "accuracy", 0.60),
        ("denoise", "cifar10_subset", "gain", 5.0),
        ("transfer", "mnist", "accuracy", 0.75),
    ],
)
def test_what_recipes_reach(name, data, figure, least):
    gpunet.set_num_threads(os.cpu_count() or 1)
    _, held_out = start(load_recipe(name), device="cpu", data=real_data(data))
    assert held_out[figure] >= least
    if name == "transfer":
        assert held_out["accuracy"] > held_out["scratch_accuracy"]
