"""The launcher's choice of a GPU, with a second one that is only pretended."""

from types import SimpleNamespace

import numpy as np
import pytest

from gpunet.kernels.cuda.launch import Source

F32 = np.dtype("float32")


class Recorder:
    """In place of a compiled kernel: on which GPUs it was launched."""

    def __init__(self):
        self.current, self.launched = 0, []

    def __call__(self, grid, block, args, shared_mem=0):
        self.launched.append(self.current)

    def device(self, number):
        recorder = self

        class Device:
            def __enter__(self):
                self.before, recorder.current = recorder.current, number

            def __exit__(self, *exception):
                recorder.current = self.before

        return Device()


@pytest.fixture
def machine(cuda, monkeypatch):
    import cupy

    recorder = Recorder()
    monkeypatch.setattr(cupy.cuda, "Device", recorder.device)
    source = Source("optimizer.cu")
    # sum_of_partials(const double* partial, int blocks, double* total)
    casts = [lambda value: value] * 3
    entry = (recorder, casts, [0, 2], lambda: recorder.current)
    source._functions["sum_of_partials", F32] = entry
    return source, recorder


def on(number):
    return SimpleNamespace(data=SimpleNamespace(device_id=number))


def test_a_kernel_runs_on_the_gpu_of_its_arrays(machine):
    source, recorder = machine
    for number in (0, 1, 0, 2):
        source("sum_of_partials", F32, 1, 32, on(number), 5, on(number))
    assert recorder.launched == [0, 1, 0, 2]
    assert recorder.current == 0


def test_arrays_on_two_gpus_are_refused(machine):
    source, recorder = machine
    with pytest.raises(ValueError, match="must be on one GPU, but partial on 0, total on 1"):
        source("sum_of_partials", F32, 1, 32, on(0), 5, on(1))
    assert recorder.launched == []
