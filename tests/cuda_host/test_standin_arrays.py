"""The stand-in's arrays and functions: what CuPy does, and above all what it refuses."""

import inspect

import ml_dtypes
import numpy as np
import pytest

cupy = pytest.importorskip("cupy")
if not getattr(cupy, "__standin__", False):
    pytest.skip("tests of the stand-in itself", allow_module_level=True)

from cupy import _creation, _functions, _standin  # noqa: E402

API = _functions.API["names"]


@pytest.fixture
def x():
    return cupy.arange(12, dtype="float32").reshape(3, 4)


REFUSALS = {
    "operator": lambda x: x + np.ones(4, "f"),
    "reflected operator": lambda x: np.ones(4, "f") * x,
    "0-d host array": lambda x: x + np.array(2.0),
    "in place": lambda x: x.__iadd__(np.ones(4, "f")),
    "matmul": lambda x: x @ np.ones((4, 2), "f"),
    "ufunc": lambda x: cupy.exp(np.ones(3)),
    "NumPy's ufunc": lambda x: np.maximum(x, np.ones(4, "f")),
    "function": lambda x: cupy.sum(np.ones(3)),
    "list": lambda x: cupy.sum([1.0, 2.0]),
    "concatenate": lambda x: cupy.concatenate([x, np.ones((1, 4), "f")]),
    "where": lambda x: cupy.where(x > 1, x, np.zeros((3, 4), "f")),
    "assignment": lambda x: x.__setitem__(0, np.ones(4, "f")),
    "assignment of a list": lambda x: x.__setitem__(0, [1, 2, 3, 4]),
    "__array__": lambda x: np.asarray(x),
    "out= on the host": lambda x: cupy.exp(x, out=np.empty((3, 4), "f")),
    "out= of a reduction": lambda x: x.sum(axis=0, out=np.empty(4, "f")),
    "unknown keyword": lambda x: cupy.sum(x, where=True),
    "unknown keyword of a ufunc": lambda x: cupy.add(x, x, where=True),
    "unknown keyword of a method": lambda x: x.sum(axis=0, initial=1),
    "unsafe cast in place": lambda x: x.__iadd__(1j),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refuses(x, what):
    with pytest.raises(TypeError):
        REFUSALS[what](x)


def test_bfloat16_is_that_of_ml_dtypes_and_cannot_be_sorted(x):
    y = x.astype("float32").astype(ml_dtypes.bfloat16)
    assert y.dtype == ml_dtypes.bfloat16
    assert (y + y).dtype == ml_dtypes.bfloat16
    assert cupy.concatenate([y, y]).get().tolist() == [*x.get().tolist(), *x.get().tolist()]
    for name in ("sort", "argsort", "unique"):
        with pytest.raises(TypeError, match="Thrust has no bfloat16"):
            getattr(cupy, name)(y)
    with pytest.raises(ValueError, match="Unsupported dtype"):
        x.astype("V2")


def test_messages_are_cupys(x):
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        np.array(x)
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
        x - np.ones(4)
    with pytest.raises(AttributeError):
        cupy.nothing_of_that_name  # noqa: B018
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cupy.array(["text"])
    with pytest.raises(NotImplementedError):
        cupy.maximum.reduce(x)
    with pytest.raises(TypeError, match="only supports"):
        cupy.subtract.at(x, 0, x[0])


def test_scalars_and_promotion(x):
    assert (x + 1.5).dtype == np.float32
    assert (x * np.float64(2)).dtype == np.float64
    assert (x + np.float32(1)).dtype == np.float32
    assert (x.astype("int32") / 2).dtype == np.float64
    assert (np.float64(2) * x).dtype == np.float64
    assert (np.float32(3) > x).sum().item() == 3
    assert (1 - x).get()[0, 1] == 0
    assert cupy.result_type(x, np.float64) == np.float64


def test_reductions_and_elements_stay_on_the_device(x):
    for r in (x.sum(), x.max(), x.argmax(), x.mean(), x[1, 2], cupy.allclose(x, x)):
        assert isinstance(r, cupy.ndarray)
        assert r.shape == ()
    x[1, 2].fill(-1)  # a full index is a view
    assert x.get()[1, 2] == -1


def test_counts_where_the_host_waits(x):
    _standin.reset()
    y = cupy.exp(x).sum(axis=0) @ x.T[:, 0]
    y = cupy.where(x > 3, x, 0) * y
    y[cupy.arange(2)] += 1
    assert _standin.synchronisations == 0
    y.get(), float(y[0, 0]), bool(y[0, 0] > 1), y[0, 0].item(), y.tolist()
    assert _standin.synchronisations == 5
    x[x > 3], cupy.nonzero(x), cupy.unique(x)
    assert _standin.synchronisations == 8
    cupy.asarray(np.ones(3))
    assert _standin.uploads == 1
    assert _standin.history[-1] == ("upload", "array")


def test_numpy_functions_dispatch(x):
    for r in (np.exp(x), np.concatenate([x, x]), np.sum(x, axis=0), np.add.outer(x[0], x[0])):
        assert isinstance(r, cupy.ndarray)


def test_views_share_memory_and_results_do_not(x):
    views = [
        x.T, x[1:], x.reshape(4, 3), x.ravel(), x[None], cupy.transpose(x), x.view("int32"),
        cupy.broadcast_to(x, (2, 3, 4)), cupy.moveaxis(x, 0, 1), *cupy.split(x, 2, axis=1),
        x.diagonal(), cupy.expand_dims(x, 0), x.astype("float32", copy=False),
        cupy.lib.stride_tricks.as_strided(x, (2, 2), (16, 4)),
    ]  # fmt: skip
    for v in views:
        assert cupy.shares_memory(v, x)
    for c in (x.copy(), x + 0, x.flatten(), x[[0, 1]], cupy.asarray(x.get())):
        assert not cupy.may_share_memory(c, x)
        assert c.data.ptr % 256 == 0
    assert not x.T.flags.owndata
    assert x.copy().flags.owndata
    with pytest.raises(ValueError, match="outside"):
        cupy.lib.stride_tricks.as_strided(x, (4, 4), (16, 4))


def test_empty_is_poisoned():
    assert np.isnan(cupy.empty((2, 3), "float32").get()).all()
    assert np.isnan(cupy.empty_like(cupy.zeros(3)).get()).all()
    assert (np.abs(cupy.empty(4, "int64").get()) > 2**60).all()
    assert (cupy.zeros(3).get() == 0).all()


def test_empty_like_keeps_the_order_of_axes(x):
    like = cupy.empty_like(cupy.zeros((2, 3, 4, 5)).transpose(0, 3, 1, 2))
    assert like.strides == cupy.zeros((2, 3, 4, 5)).transpose(0, 3, 1, 2).strides
    assert cupy.zeros_like(x.T).strides == x.T.strides


def test_add_at_accumulates_and_put_along_axis_writes():
    y = cupy.zeros(3, "float32")
    cupy.add.at(y, cupy.array([0, 0, 2]), cupy.ones(3, "float32"))
    assert y.tolist() == [2, 0, 1]
    z = cupy.zeros((2, 3))
    cupy.put_along_axis(z, cupy.array([[1], [2]]), 1.0, axis=1)
    assert z.tolist() == [[0, 1, 0], [0, 0, 1]]


def test_memory_pool_counts_and_limits():
    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes()
    big = cupy.zeros(1000)
    assert pool.used_bytes() == before + 8192  # blocks are multiples of 512 bytes
    del big
    assert pool.used_bytes() == before
    pool.set_limit(before + 1000)
    try:
        error = cupy.cuda.memory.OutOfMemoryError
        with (
            cupy.cuda.using_allocator(pool.malloc),
            pytest.raises(error, match="Out of memory allocating"),
        ):
            cupy.zeros(10**6)
    finally:
        pool.set_limit(0)


def test_memory_hooks_are_told_of_blocks():
    class Hook(cupy.cuda.MemoryHook):
        name = "test"
        seen = ()

        def malloc_postprocess(self, *, device_id, size, mem_size, mem_ptr, pmem_id):
            self.seen += (("malloc", size, mem_size, mem_ptr != 0),)

        def free_postprocess(self, *, device_id, mem_size, mem_ptr, pmem_id):
            self.seen += (("free", mem_size),)

    pool = cupy.get_default_memory_pool()
    with Hook() as hook:
        del_me = cupy.empty(3, "float32")
        del del_me
        with pytest.raises(KeyError, match="already exists"):
            hook.__enter__()
        pool.set_limit(1)
        try:
            with pytest.raises(cupy.cuda.memory.OutOfMemoryError):
                cupy.empty(1000, "uint8")
        finally:
            pool.set_limit(0)
    cupy.empty(1)
    assert hook.seen == (("malloc", 12, 512, True), ("free", 512), ("malloc", 1000, 1024, False))


def test_arrays_come_from_the_current_allocator():
    sizes = []
    before = cupy.cuda.get_allocator()

    def allocator(size):
        sizes.append(size)
        return before(size)

    cupy.cuda.set_allocator(allocator)
    try:
        a = cupy.ones(5, "uint8")
        assert (a + a).tolist() == [2] * 5
        with cupy.cuda.using_allocator(before):
            cupy.ones(7)
            with pytest.raises(ValueError, match="using_allocator"):
                cupy.cuda.set_allocator()
    finally:
        cupy.cuda.set_allocator(before)
    assert sizes == [5, 5]


def test_device_streams_and_events():
    properties = cupy.cuda.runtime.getDeviceProperties(0)
    assert properties["name"] == b"Host stand-in for CUDA"
    with cupy.cuda.Device(0), cupy.cuda.Stream(non_blocking=True) as stream:
        assert cupy.cuda.get_current_stream() is stream
        first, last = cupy.cuda.Event(), cupy.cuda.Event()
        first.record()
        last.record()
        last.synchronize()
        assert cupy.cuda.get_elapsed_time(first, last) >= 0
    assert cupy.cuda.get_current_stream() == cupy.cuda.Stream.null
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidDevice"):
        cupy.cuda.Device(1)


@pytest.mark.parametrize(("failure", "name"), [("nodevice", "NoDevice"), ("nodriver", "Driver")])
def test_can_play_a_machine_without_a_gpu(monkeypatch, failure, name):
    monkeypatch.setenv("GPUNET_CUDA_HOST_FAIL", failure)
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match=name):
        cupy.cuda.runtime.getDeviceCount()
    assert not cupy.is_available()
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match=name):
        cupy.zeros(3)


def test_pinned_memory_is_a_buffer():
    pinned = cupy.cuda.alloc_pinned_memory(32)
    a = np.frombuffer(pinned, "float32", 8)
    a[:] = 3
    assert pinned.ptr == a.ctypes.data
    assert cupy.asarray(a).tolist() == [3] * 8


def _public(holder):
    names = dir(holder) if isinstance(holder, type) else vars(holder)
    return [n for n in names if not n.startswith("_")]


def test_names_are_a_subset_of_the_real_ones():
    import cupyx
    import cupyx.scipy.special

    holders = {
        "cupy": cupy, "cupy.cuda": cupy.cuda, "cupy.cuda.runtime": cupy.cuda.runtime,
        "cupy.linalg": cupy.linalg, "cupyx": cupyx, "cupyx.scipy.special": cupyx.scipy.special,
        "cupy.ndarray": cupy.ndarray, "cupy.ufunc": cupy.ufunc, "cupy.RawModule": cupy.RawModule,
        "cupy.RawKernel": cupy.RawKernel, "cupy.cuda.Device": cupy.cuda.Device,
        "cupy.cuda.MemoryPool": cupy.cuda.MemoryPool,
        "cupy.cuda.PinnedMemoryPool": cupy.cuda.PinnedMemoryPool,
    }  # fmt: skip
    extra = {
        f"{label}.{name}"
        for label, holder in holders.items()
        for name in _public(holder)
        if name not in API[label]
    }
    assert not extra


def test_parameters_are_a_subset_of_the_real_ones():
    for function in _creation.EXPORTS:
        real = API["cupy"][function.__name__]
        for name, p in inspect.signature(function).parameters.items():
            assert name in real or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD), function
    for name, method in inspect.getmembers(cupy.ndarray):
        real = API["cupy.ndarray"].get(name)
        if inspect.isfunction(method) and real is not None and not name.startswith("_"):
            for k, p in list(inspect.signature(method).parameters.items())[1:]:
                variadic = p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
                assert variadic or k in [r.lstrip("*") for r in real], (name, k)
