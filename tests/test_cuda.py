import pytest

import gpunet
from gpunet.backend.probe import CudaProbe


def test_of_a_machine_with_a_gpu(cuda):
    assert gpunet.cuda.is_available()
    assert gpunet.cuda.device_count() >= 1
    assert gpunet.cuda.get_device_name()
    gpunet.cuda.synchronize()


def test_of_a_machine_without_one(monkeypatch):
    none = CudaProbe(False, "the driver reports no GPU")
    monkeypatch.setattr("gpunet.cuda.probe_cuda", lambda: none)
    monkeypatch.setattr("gpunet.backend.probe_cuda", lambda: none)
    assert not gpunet.cuda.is_available()
    assert gpunet.cuda.device_count() == 0
    with pytest.raises(gpunet.errors.DeviceError, match="reports no GPU"):
        gpunet.cuda.get_device_name()


def test_subpackages_are_there_when_named():
    assert gpunet.nn.Linear
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = gpunet.nonsense
