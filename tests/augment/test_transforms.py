"""The transforms of images, each against a description of it that takes one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet.augment import (
    Compose,
    Cutout,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
)
from gpunet.augment.rotation import rotated
from gpunet.backend import Device, backend_for, backend_of

RNG = np.random.default_rng(0)

RANDOM = [
    RandomHorizontalFlip(),
    RandomCrop(5, padding=2),
    RandomCrop((3, 6), padding=(1, 0), fill=0.5, padding_mode="edge"),
    RandomCrop(7, padding=2, padding_mode="reflect"),
    RandomShift((2, 3), fill=-1.0),
    RandomRotation(40, fill=0.25),
    Cutout((3, 2), fill=0.75),
    Compose([RandomShift(1), RandomHorizontalFlip(), Cutout(2)]),
]


def images(*shape, dtype=np.float32):
    return RNG.random(shape).astype(dtype)


@pytest.mark.parametrize("transform", RANDOM, ids=repr)
def test_the_seed_decides_and_the_device_does_not(device, transform):
    X = images(6, 3, 5, 6)
    results = []
    for seed, place in ((1, device), (1, "cpu"), (2, "cpu")):
        gpunet.manual_seed(seed)
        given = on_device(X, place)
        result = transform(given)
        assert backend_of(result.array).device_of(result.array).type == place
        np.testing.assert_array_equal(array_of(given), X)  # unchanged
        assert result.dtype == np.float32
        results.append(array_of(result))
    if isinstance(transform, RandomRotation):  # sines and sums, which may round otherwise
        np.testing.assert_allclose(results[0], results[1], atol=1e-6)
    else:
        np.testing.assert_array_equal(results[0], results[1])
    assert (results[1] != results[2]).any()


@pytest.mark.parametrize("transform", RANDOM, ids=repr)
def test_memory_orders_and_small_batches(device, transform):
    X = images(4, 2, 6, 6, dtype=np.float64)
    found = []
    for order in (X, X.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2), X[:, ::-1][:, ::-1]):
        gpunet.manual_seed(5)
        found.append(array_of(transform(on_device(order, device))))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert found[0].dtype == np.float64
    assert transform(on_device(X[:1], device)).shape[:2] == (1, 2)
    assert transform(on_device(X[:0], device)).shape[:2] == (0, 2)


def test_images_are_treated_each_in_its_own_way():
    gpunet.manual_seed(0)
    same = np.broadcast_to(images(1, 1, 8, 8), (64, 1, 8, 8))
    for transform in RANDOM:
        result = array_of(transform(on_device(same, "cpu")))
        assert len({image.tobytes() for image in result}) > 1, transform


def test_flips(device):
    X = images(200, 1, 3, 4)
    assert (array_of(RandomHorizontalFlip(0)(on_device(X, device))) == X).all()
    flipped = X[:, :, :, ::-1]
    assert (array_of(RandomHorizontalFlip(1.0)(on_device(X, device))) == flipped).all()
    result = array_of(RandomHorizontalFlip(0.25)(on_device(X, device)))
    was_flipped = (result == flipped).all(axis=(1, 2, 3))
    assert (was_flipped | (result == X).all(axis=(1, 2, 3))).all()
    assert 25 <= was_flipped.sum() <= 75


@pytest.mark.parametrize(
    ("mode", "numpy_mode"), [("constant", "constant"), ("edge", "edge"), ("reflect", "reflect")]
)
def test_crops_are_parts_of_the_padded_image(device, mode, numpy_mode):
    X = images(60, 2, 4, 5)
    options = {"constant_values": 0.5} if mode == "constant" else {}
    padded = np.pad(X, ((0, 0), (0, 0), (2, 2), (3, 3)), numpy_mode, **options)
    result = array_of(RandomCrop((4, 6), (2, 3), 0.5, mode)(on_device(X, device)))
    places = set()
    for image, whole in zip(result, padded):
        found = [
            (i, j)
            for i in range(5)
            for j in range(6)
            if (whole[:, i : i + 4, j : j + 6] == image).all()
        ]
        assert found
        places.update(found)
    assert {i for i, _ in places} == set(range(5))
    assert {j for _, j in places} == set(range(6))


def test_reflection_far_beyond_the_edge(device):
    X = images(20, 1, 2, 1)
    result = array_of(RandomCrop((2, 3), (5, 4), padding_mode="reflect")(on_device(X, device)))
    assert np.isin(result, X).all()


def test_shifts(device):
    X = np.zeros((300, 1, 5, 5), np.float32)
    X[:, :, 2, 2] = 1
    result = array_of(RandomShift((1, 2))(on_device(X, device)))
    _, _, i, j = np.nonzero(result)
    assert (set(i), set(j)) == ({1, 2, 3}, {0, 1, 2, 3, 4})
    assert len(i) == 300


def test_integers_and_truth_values_can_be_moved(device):
    X = RNG.integers(0, 255, (3, 3, 4, 4)).astype(np.uint8)
    for transform in (RandomHorizontalFlip(1), RandomShift(1, fill=7), Cutout(2, fill=9)):
        assert transform(on_device(X, device)).dtype == np.uint8
    with pytest.raises(ValueError, match=r"RandomRotation: images: expected floating-point"):
        RandomRotation(5)(on_device(X, device))


def turned(device, X, degrees, fill=0.0):
    be = backend_for(Device(device))
    given = be.from_numpy(np.ascontiguousarray(X.transpose(0, 2, 3, 1)), Device(device))
    angles = be.from_numpy(np.radians(np.array(degrees, np.float32)), Device(device))
    return be.to_numpy(rotated(be, given, angles, fill)).transpose(0, 3, 1, 2)


def test_quarter_turns_are_exact(device):
    X = images(4, 2, 5, 5)
    result = turned(device, X, [0, 90, 180, -90])
    for k, quarters in enumerate((0, 1, 2, 3)):
        np.testing.assert_allclose(result[k], np.rot90(X[k], quarters, axes=(1, 2)), atol=1e-5)


def test_rotation_interpolates_as_scipy_does(device):
    ndimage = pytest.importorskip("scipy.ndimage")
    X = images(3, 1, 7, 9, dtype=np.float64)
    result = turned(device, X, [17, -33, 5], 0.5)
    for image, found, angle in zip(X, result, (17, -33, 5)):
        expected = ndimage.rotate(
            image[0], angle, reshape=False, order=1, mode="grid-constant", cval=0.5
        )
        np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_cutouts(device):
    X = np.ones((400, 2, 6, 7), np.float32)
    result = array_of(Cutout((3, 2))(on_device(X, device)))
    missing = (result == 0).all(axis=1)
    assert ((result == 0) == missing[:, None]).all()  # in all channels
    for mask in missing:
        i, j = np.nonzero(mask)
        height, width = np.ptp(i) + 1, np.ptp(j) + 1
        assert len(i) == height * width
        assert 2 <= height <= 3
        assert 1 <= width <= 2
    assert missing.any(axis=0).all()


def test_normalize(device):
    X = images(2, 3, 4, 5)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    layer = Normalize(mean, std)
    expected = (X - np.float32(mean)[:, None, None]) / np.float32(std)[:, None, None]
    np.testing.assert_allclose(array_of(layer(on_device(X, device))), expected, rtol=1e-6)
    assert layer(on_device(X.astype(np.float64), device)).dtype == np.float64
    x = on_device(X, device, requires_grad=True)
    layer(x).sum().backward()
    expected = np.broadcast_to(1 / np.float32(std)[:, None, None], X.shape)
    np.testing.assert_allclose(array_of(x.grad), expected, rtol=1e-6)
    assert not layer.state_dict()
    assert repr(layer) == f"Normalize(mean={mean}, std={std})"


def test_texts():
    assert repr(Compose([RandomHorizontalFlip(), Cutout(8)])) == (
        "Compose([RandomHorizontalFlip(p=0.5), Cutout(size=(8, 8), fill=0.0)])"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomHorizontalFlip(1.5), r"RandomHorizontalFlip: p: .* from 0 to 1, got 1.5"),
        (lambda: RandomCrop(0), r"RandomCrop: size: expected an integer, 1 or more, or two, got 0"),
        (lambda: RandomCrop((3, 3, 3)), r"RandomCrop: size: .*got \(3, 3, 3\)"),
        (lambda: RandomCrop(4, padding=-1), r"RandomCrop: padding: .*0 or more.*got -1"),
        (lambda: RandomCrop(4, padding_mode="x"), r"padding_mode: expected one of constant, edge"),
        (lambda: RandomShift(1.5), r"RandomShift: pixels: .*got 1\.5"),
        (lambda: RandomRotation(-3), r"RandomRotation: degrees: .*0 or more, got -3"),
        (lambda: RandomRotation(float("nan")), r"RandomRotation: degrees: "),
        (lambda: Cutout(0), r"Cutout: size: "),
        (lambda: Normalize([1, 2], [1]), r"Normalize: std: expected 2 numbers.*got 1"),
        (lambda: Normalize([1, 2], [1, 0]), r"Normalize: std: expected positive"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_batch_of_images_is_refused(device):
    flip = RandomHorizontalFlip()
    with pytest.raises(TypeError, match=r"RandomHorizontalFlip: images: .*got ndarray"):
        flip(np.zeros((1, 1, 2, 2)))
    with pytest.raises(ValueError, match=r"expected a tensor of shape \(N, C, H, W\), got \[2, 3"):
        flip(on_device(images(2, 3, 4), device))
    with pytest.raises(RuntimeError, match="requires no gradient"):
        flip(on_device(images(2, 3, 4, 4), device, requires_grad=True))
    with pytest.raises(ValueError, match="are smaller than 9 x 9"):
        RandomCrop(9, 1)(on_device(images(2, 3, 4, 9), device))
    with pytest.raises(ValueError, match="of 3 channels, got float32 of shape"):
        Normalize([0] * 3, [1] * 3)(on_device(images(2, 1, 4, 9), device))
    with pytest.raises(TypeError, match=r"Compose: transforms\[1\]: expected a transform, got int"):
        Compose([flip, 3])


def test_nothing_waits_for_the_device(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    X = on_device(images(4, 3, 6, 6), cuda)
    transforms = [*RANDOM, Normalize([0.5] * 3, [0.2] * 3)]
    for transform in transforms:
        transform(X)
    cupy._standin.reset()
    for transform in transforms:
        transform(X)
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0, cupy._standin.history
