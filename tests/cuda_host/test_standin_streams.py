"""The stand-in's asynchronous copies: as late as CUDA may make them."""

import numpy as np
import pytest

cupy = pytest.importorskip("cupy")
if not getattr(cupy, "__standin__", False):
    pytest.skip("tests of the stand-in itself", allow_module_level=True)

from cupy import _standin  # noqa: E402


def pinned(values):
    values = np.asarray(values, np.float32)
    memory = cupy.cuda.alloc_pinned_memory(values.nbytes)
    array = np.frombuffer(memory, values.dtype, values.size).reshape(values.shape)
    array[...] = values
    return array


@pytest.fixture
def stream():
    return cupy.cuda.Stream(non_blocking=True)


def sent(stream, values=(1, 2, 3)):
    source = pinned(values)
    target = cupy.empty(source.shape, "float32")
    target.set(source, stream=stream)
    return source, target


def test_a_copy_is_late(stream):
    source, target = sent(stream)
    assert _standin.history[-1] == ("upload", "set from pinned memory")
    assert not stream.done
    assert np.isnan(target.get()).all()
    source[1] = 7  # too early to be used again
    stream.synchronize()
    assert stream.done
    assert target.get().tolist() == [1, 7, 3]


def test_an_event_waits_for_what_was_asked_before_it(stream):
    first = sent(stream)
    event = cupy.cuda.Event(disable_timing=True)
    event.record(stream)
    second = sent(stream)
    assert not event.done
    cupy.cuda.get_current_stream().wait_event(event)
    assert event.done
    assert first[1].get().tolist() == [1, 2, 3]
    assert np.isnan(second[1].get()).all()
    cupy.cuda.Device().synchronize()
    assert second[1].get().tolist() == [1, 2, 3]


def test_an_event_that_the_host_waits_for(stream):
    target = sent(stream)[1]
    with stream:
        event = cupy.cuda.get_current_stream().record()
    with pytest.raises(RuntimeError, match="pinned memory was freed"):
        event.synchronize()
    source, target = sent(stream)
    event.record(stream)
    event.synchronize()
    assert target.get().tolist() == source.tolist()


def test_freed_memory_is_noticed(stream):
    source = sent(stream)[0]
    with pytest.raises(RuntimeError, match="an array was freed"):
        stream.synchronize()
    assert source.tolist() == [1, 2, 3]


def test_other_copies_are_done_at_once(stream):
    target = cupy.empty(3, "float32")
    target.set(np.ones(3, np.float32), stream=stream)
    assert target.get().tolist() == [1, 1, 1]
    source = pinned([2, 2, 2])
    target.set(source, stream=cupy.cuda.Stream())
    assert target.get().tolist() == [2, 2, 2]


def test_ranges_are_strings_and_closed_where_they_were_opened():
    nvtx = cupy.cuda.nvtx
    nvtx.RangePush("outer")
    nvtx.RangePop()
    with pytest.raises(RuntimeError, match="no range is open"):
        nvtx.RangePop()
    with pytest.raises(TypeError, match="expected a string"):
        nvtx.RangePush(b"outer")
