"""The network of the backpropagation literature, every error and gradient in sight.

This is the network of M. Nielsen, *Neural Networks and Deep Learning* (2015), chapters 1 to 3,
in its notation: weights `w`, biases `b`, weighted inputs `z`, activations `a`, cost `C`, error
`delta`, gradients `nabla_w` and `nabla_b`. It works on raw NumPy or CuPy arrays, with no tape:
what `gpunet.nn` derives by recording is written out by hand here.

The book follows one sample, a column vector, through the network. Here a mini-batch of B samples
goes through at once, one sample a row. The translation, for a layer l with n_l neurons:

    ======================  =======================================  =====================
    quantity                book, one sample                         here, B samples
    ======================  =======================================  =====================
    activation              column a^l (n_l, 1)                      rows a (B, n_l)
    weights                 w^l (n_l, n_{l-1})                       the same
    biases                  column b^l (n_l, 1)                      (n_l,)
    weighted input          z^l = w^l a^{l-1} + b^l                  z = a w^T + b
    error, last layer  BP1  delta^L = dC/da^L * sigma'(z^L)          the same, in each row
    error, layer l     BP2  (w^{l+1}^T delta^{l+1}) * sigma'(z^l)    (delta w) * sigma'(z)
    gradient of b      BP3  dC/db^l = delta^l                        sum of delta's rows
    gradient of w      BP4  dC/dw^l = delta^l a^{l-1}^T              delta^T a
    ======================  =======================================  =====================

``weights[0]`` joins layers 1 and 2 (the book's w^2), ``weights[-1]`` leads to the output.

sigma'(z) costs nothing but a product: for each of the activations here it follows from a, which
the forward pass has computed. For the sigmoid it is ``a (1 - a)``. `Network.backprop_per_sample`
is the definition, with the book's formulas as they stand; the tests compare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .backend import Array, backend_for, backend_of, resolve_device
from .backend.rng import Generator
from .errors import DeviceError
from .functions.random import fill_real
from .functions.sampling import randperm
from .network_state import NetworkState
from .ops.linear import ACTIVATION_CODES

__all__ = ["ACTIVATIONS", "COSTS", "Activation", "Backprop", "Cost", "Network"]


class Activation(NamedTuple):
    """sigma and its derivative, each a function of ``(xp, z)`` with NumPy or CuPy as ``xp``."""

    fn: Callable[[Any, Array], Array]
    prime: Callable[[Any, Array], Array]


def sigmoid(xp: Any, z: Array) -> Array:
    """``1 / (1 + exp(-z))``, written so that it overflows nowhere."""
    return 0.5 + 0.5 * xp.tanh(0.5 * z)


def sigmoid_prime(xp: Any, z: Array) -> Array:
    """``sigma(z) (1 - sigma(z))``."""
    a = sigmoid(xp, z)
    return a * (1 - a)


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, sigmoid_prime),
    "tanh": Activation(lambda xp, z: xp.tanh(z), lambda xp, z: 1 - xp.tanh(z) ** 2),
    "relu": Activation(lambda xp, z: xp.maximum(z, 0), lambda xp, z: (z > 0).astype(z.dtype)),
    "identity": Activation(lambda xp, z: z, lambda xp, z: xp.ones_like(z)),
}


class Cost(NamedTuple):
    """A cost, as in the book's network2.py, of z and a of the output layer and the targets y.

    ``fn(xp, z, a, y)`` is the sum of C_x over the samples, ``delta(xp, z, a, y, prime)`` BP1: that
    is ``a - y``, times sigma'(z) unless it `cancels`.
    """

    fn: Callable[..., Array]
    delta: Callable[..., Array]
    cancels: bool


def _cross_entropy(xp: Any, z: Array, a: Array, y: Array) -> Array:
    # ln a = -softplus(-z) and ln(1 - a) = -softplus(z), finite where a has rounded to 0 or 1.
    return (xp.maximum(z, 0) - y * z + xp.log1p(xp.exp(-abs(z)))).sum()


COSTS = {
    # C_x = |a - y|^2 / 2
    "quadratic": Cost(
        fn=lambda xp, z, a, y: 0.5 * ((a - y) ** 2).sum(),
        delta=lambda xp, z, a, y, prime: (a - y) * prime(xp, z),
        cancels=False,
    ),
    # C_x = -sum_j [y_j ln a_j + (1 - y_j) ln(1 - a_j)]; sigma'(z) of the sigmoid cancels in BP1.
    "cross-entropy": Cost(fn=_cross_entropy, delta=lambda xp, z, a, y, prime: a - y, cancels=True),
}


class Backprop(NamedTuple):
    """What `Network.backprop` found: lists with one entry a layer, from layer 2 on.

    `activations` has the input a^1 before them. The gradients are summed over the mini-batch.
    """

    zs: list[Array]
    activations: list[Array]
    deltas: list[Array]
    nabla_w: list[Array]
    nabla_b: list[Array]


class Network(NetworkState):
    """A fully connected network, trained by stochastic gradient descent.

    Parameters
    ----------
    sizes : sequence of int
        Neurons of each layer, input first: ``[64, 30, 10]``.
    activation : str or sequence of str
        "sigmoid", "tanh", "relu" or "identity", for all layers after the input or one for each.
    cost : {"quadratic", "cross-entropy"}
        "cross-entropy" needs a sigmoid output layer.
    seed : int, optional
        Of the initial weights and the shuffling; they are the same on every device and in both
        dtypes. By default one that nobody can foretell.
    dtype : dtype
        float32 or float64.
    device : str
        "cpu", "cuda", "cuda:N" or "auto".

    Attributes
    ----------
    weights : tuple of array of shape (n_l, n_{l-1})
        Drawn from a Gaussian with standard deviation ``1 / sqrt(n_{l-1})`` (chapter 3).
    biases : tuple of array of shape (n_l,)
        Drawn from a Gaussian with standard deviation 1.
    parameters : array of shape (P,)
        The memory of all weights, then all biases, which are views of it: change them in place.
    generator : Generator
        Where the random numbers come from.

    Raises
    ------
    ValueError
        For sizes, names or a dtype that are none of these.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "sigmoid",
        cost: str = "quadratic",
        seed: int | None = None,
        dtype: Any = np.float32,
        device: str = "cpu",
    ):
        self.sizes = list(sizes)
        layers = len(self.sizes) - 1
        names = [activation] * layers if isinstance(activation, str) else list(activation)
        if layers < 1 or not all(map(_is_count, self.sizes)):
            raise ValueError(f"sizes: expected two or more positive integers, got {self.sizes}")
        if len(names) != layers or not set(names) <= set(ACTIVATIONS):
            known = ", ".join(ACTIVATIONS)
            raise ValueError(
                f"activation: expected one of {known}, or a list of {layers}, got {activation!r}"
            )
        if cost not in COSTS:
            raise ValueError(f"cost: expected one of {', '.join(COSTS)}, got {cost!r}")
        if cost == "cross-entropy" and names[-1] != "sigmoid":
            raise ValueError(
                f"cost 'cross-entropy' needs a sigmoid output layer, but it is {names[-1]!r}; "
                f"give activation={[*names[:-1], 'sigmoid']}"
            )
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: expected float32 or float64, got {self.dtype}")
        self.activation = names
        self.layers = [ACTIVATIONS[name] for name in names]
        self.cost_function = COSTS[cost]
        self._codes = [ACTIVATION_CODES[name] for name in names]
        cancels = self.cost_function.cancels
        self._code_in_bp1 = ACTIVATION_CODES["identity"] if cancels else self._codes[-1]
        self.device, _ = resolve_device(device)
        self.be = backend_for(self.device)
        self.generator = Generator()
        if seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(seed)
        self.parameters, self._weights, self._biases = self._room_for_parameters()
        for b in self.biases:
            self._draw(b, 1.0)
        for w in self.weights:
            self._draw(w, w.shape[1] ** -0.5)
        self._number_of_weights = sum(w.size for w in self.weights)
        self._room = self._room_for_backprop(1)
        self._hyper: tuple[tuple[float, float], Array] | None = None

    def _draw(self, array: Array, deviation: float) -> None:
        """Fill `array` from a Gaussian with mean 0, in float64 and then rounded."""
        with self.be.on(self.device):
            values = self.be.empty(array.shape, np.float64)
        fill_real(self.be, self.be.kernels.philox_normal, values, 0.0, deviation, self.generator)
        array[...] = values

    @property
    def weights(self) -> tuple[Array, ...]:
        """Views of `parameters`, one for each layer from layer 2 on."""
        return self._weights

    @property
    def biases(self) -> tuple[Array, ...]:
        """Views of `parameters`, one for each layer from layer 2 on."""
        return self._biases

    def feedforward(self, x: Any) -> Array:
        """The output a^L of shape (B, n_L) for inputs of shape (B, n_1)."""
        return self._forward(self._inputs(x))[1][-1]

    def _forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        """Every weighted input, and every activation after the input, in new arrays."""
        zs, activations = self._room_for_layers(len(x)), self._room_for_layers(len(x))
        self._forward_into(x, zs, activations)
        return zs, activations

    def _forward_into(self, x: Array, zs: list[Array], activations: list[Array]) -> None:
        gemm, layer_forward = self.be.gemm, self.be.kernels.layer_forward
        inputs = x
        for w, b, sigma, z, a in zip(self._weights, self._biases, self._codes, zs, activations):
            gemm(inputs, w.T, z)
            layer_forward(z, b, sigma, a)  # z += b, a = sigma(z)
            inputs = a

    def backprop(self, x: Any, y: Any) -> Backprop:
        """Every z, a, delta and gradient of a whole mini-batch, as matrices.

        Parameters
        ----------
        x : array of shape (B, n_1)
        y : array of shape (B, n_L), or B integer labels
        """
        x = self._inputs(x)
        y = self._targets(y, len(x))
        found, _ = self._room_for_backprop(len(x))
        self._backprop_into(x, y, found)
        return found._replace(activations=[x, *found.activations])

    def _backprop_into(self, x: Array, y: Array, found: Backprop) -> None:
        """Fill the arrays of `found`, whose activations are those after the input."""
        zs, activations, deltas, nabla_w, nabla_b = found
        # One kernel multiplies by sigma'(z), found from a, and sums the rows of the delta: BP3.
        gemm, times_sigma_prime = self.be.gemm, self.be.kernels.bias_act_backward
        self._forward_into(x, zs, activations)
        inputs = [x, *activations]

        delta, a = deltas[-1], activations[-1]
        self.be.xp.subtract(a, y, out=delta)
        times_sigma_prime(delta, a, self._code_in_bp1, delta, nabla_b[-1])  # BP1, BP3
        gemm(delta.T, inputs[-2], nabla_w[-1])  # BP4
        for i in range(len(deltas) - 2, -1, -1):
            delta, a = deltas[i], activations[i]
            gemm(deltas[i + 1], self._weights[i + 1], delta)
            times_sigma_prime(delta, a, self._codes[i], delta, nabla_b[i])  # BP2, BP3
            gemm(delta.T, inputs[i], nabla_w[i])  # BP4

    def backprop_per_sample(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        """`nabla_w` and `nabla_b` of a mini-batch as in the book: one sample after the other.

        The same result as `backprop`, much slower: the baseline of the benchmarks.
        """
        xp = self.be.xp
        x = self._inputs(x)
        y = self._targets(y, len(x))
        nabla_w = [xp.zeros_like(w) for w in self.weights]
        nabla_b = [xp.zeros_like(b[:, None]) for b in self.biases]
        for sample in range(len(x)):
            a = x[sample][:, None]  # columns, as in the book
            zs, activations = [], [a]
            for w, b, sigma in zip(self.weights, self.biases, self.layers):
                z = xp.dot(w, a) + b[:, None]
                a = sigma.fn(xp, z)
                zs.append(z)
                activations.append(a)
            prime = self.layers[-1].prime
            delta = self.cost_function.delta(xp, z, a, y[sample][:, None], prime)  # BP1
            for i in range(len(zs) - 1, -1, -1):
                nabla_b[i] += delta  # BP3
                nabla_w[i] += xp.dot(delta, activations[i].T)  # BP4
                if i:
                    prime = self.layers[i - 1].prime
                    delta = xp.dot(self.weights[i].T, delta) * prime(xp, zs[i - 1])  # BP2
        return nabla_w, [b[:, 0] for b in nabla_b]

    def update_mini_batch(
        self, x: Any, y: Any, eta: float, lmbda: float = 0.0, n: int | None = None
    ) -> Array:
        """One step of gradient descent on a mini-batch of m samples.

        ``w <- (1 - eta lmbda / n) w - eta / m nabla_w`` and ``b <- b - eta / m nabla_b`` with the
        learning rate `eta`, the L2 regularisation `lmbda` (chapter 3) and `n`, the number of
        samples in the whole training set; m by default.

        Returns
        -------
        array of shape (m, n_L)
            The output a^L before the step. The next step overwrites it.
        """
        x = self._inputs(x)
        m = len(x)
        y = self._targets(y, m)
        found, nabla = self._room
        if len(found.deltas[0]) != m:
            found, nabla = self._room = self._room_for_backprop(m)
        self._backprop_into(x, y, found)
        # All parameters are one array, and so are their gradients.
        step, hyper = self.be.kernels.sgd_step, self._hyper_of(eta / m, lmbda * m / (n or m))
        if lmbda:
            end = self._number_of_weights
            step(self.parameters[:end], nabla[:end], hyper, 1, 0)
            step(self.parameters[end:], nabla[end:], hyper, 0, 0)
        else:
            step(self.parameters, nabla, hyper, 0, 0)
        return found.activations[-1]

    def _hyper_of(self, rate: float, decay: float) -> Array:
        """Learning rate and weight decay where `sgd_step` reads them; kept until they change."""
        if self._hyper is None or self._hyper[0] != (rate, decay):
            values = np.array([rate, 0.0, 0.0, decay])
            self._hyper = (rate, decay), self.be.from_numpy(values, self.device)
        return self._hyper[1]

    def SGD(
        self,
        training_data: tuple[Any, Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        test_data: tuple[Any, Any] | None = None,
        verbose: bool = True,
    ) -> list[tuple[int, float]]:
        """Train by mini-batch stochastic gradient descent.

        Parameters
        ----------
        training_data, test_data : tuple ``(x, y)``
            Inputs (N, n_1), and targets (N, n_L) or N integer labels. Neither is changed: each
            epoch goes through the training data in a new order.
        epochs, mini_batch_size, eta, lmbda
            As in `update_mini_batch`.
        verbose : bool
            Print one line an epoch, as the book does.

        Returns
        -------
        list of (correct, cost)
            `evaluate` and `cost` of `test_data` after each epoch; empty without `test_data`.
        """
        if not (_is_count(epochs) and _is_count(mini_batch_size)):
            got = f"{epochs!r} and {mini_batch_size!r}"
            raise ValueError(f"epochs and mini_batch_size: expected positive integers, got {got}")
        if not (0 < eta < float("inf") and 0 <= lmbda < float("inf")):
            raise ValueError(f"expected eta > 0 and lmbda >= 0, got {eta!r} and {lmbda!r}")
        x = self._inputs(training_data[0], "training_data[0]")
        y = self._targets(training_data[1], len(x), "training_data[1]")
        if test_data is not None:
            test_x = self._inputs(test_data[0], "test_data[0]")
            test_data = test_x, self._targets(test_data[1], len(test_x), "test_data[1]")
        history = []
        for epoch in range(epochs):
            order = randperm(len(x), generator=self.generator, device=self.device).array
            for k in range(0, len(x), mini_batch_size):
                rows = order[k : k + mini_batch_size]
                mini_batch = x.take(rows, axis=0), y.take(rows, axis=0)
                self.update_mini_batch(*mini_batch, eta, lmbda, len(x))
            report = "complete"
            if test_data is not None:
                history.append((self.evaluate(*test_data), self.cost(*test_data)))
                report = f"{history[-1][0]} / {len(test_data[0])}, cost {history[-1][1]:.4g}"
            if verbose:
                print(f"Epoch {epoch}: {report}")
        return history

    def evaluate(self, x: Any, y: Any) -> int:
        """How many samples are classified correctly: the most active output neuron is the answer.

        With a single output neuron the answer is whether its activation is above 0.5.
        """
        a = self.feedforward(x)
        y = self._targets(y, len(a))
        right = a.argmax(axis=1) == y.argmax(axis=1) if len(y[0]) > 1 else (a > 0.5) == (y > 0.5)
        return int(right.sum())

    def cost(self, x: Any, y: Any, lmbda: float = 0.0) -> float:
        """``C = sum_x C_x / n + lmbda / (2 n) sum of w^2``, the mean cost of n samples."""
        zs, activations = self._forward(self._inputs(x))
        y = self._targets(y, len(zs[0]))
        total = self.cost_function.fn(self.be.xp, zs[-1], activations[-1], y)
        decay = sum((w * w).sum() for w in self.weights)
        return float(total + 0.5 * lmbda * decay) / len(y)

    # --- memory -------------------------------------------------------------------------------

    def _room_for_parameters(self) -> tuple[Array, tuple[Array, ...], tuple[Array, ...]]:
        """An array for all weights and then all biases, and its views for each layer."""
        shapes = list(zip(self.sizes[1:], self.sizes[:-1]))
        ends = np.cumsum([n * k for n, k in shapes] + self.sizes[1:]).tolist()
        with self.be.on(self.device):
            everything = self.be.empty((ends[-1],), self.dtype)
        views = [everything[start:end] for start, end in zip([0, *ends], ends)]
        weights = tuple(view.reshape(shape) for view, shape in zip(views, shapes))
        return everything, weights, tuple(views[len(shapes) :])

    def _room_for_layers(self, rows: int) -> list[Array]:
        with self.be.on(self.device):
            return [self.be.empty((rows, n), self.dtype) for n in self.sizes[1:]]

    def _room_for_backprop(self, rows: int) -> tuple[Backprop, Array]:
        """Uninitialised arrays for `rows` samples, and the one that holds all gradients."""
        zs, activations, deltas = (self._room_for_layers(rows) for _ in range(3))
        nabla, nabla_w, nabla_b = self._room_for_parameters()
        return Backprop(zs, activations, deltas, list(nabla_w), list(nabla_b)), nabla

    # --- what comes in: arrays of the right kind, shape and dtype -----------------------------

    def _array(self, values: Any, name: str) -> Array:
        if type(values) is self.be.array_type:
            return values
        if type(values).__module__.partition(".")[0] == "cupy":
            place = backend_of(values).device_of(values)
            raise DeviceError(f"{name}: the array is on {place}, the network on {self.device}")
        return self.be.from_numpy(np.asarray(values), self.device)

    def _inputs(self, x: Any, name: str = "x") -> Array:
        x = self._array(x, name)
        n = self.sizes[0]
        if x.ndim != 2 or x.shape[1] != n or not len(x):
            raise ValueError(f"{name}: expected one or more rows of {n} values, got {x.shape}")
        return x if x.dtype == self.dtype else x.astype(self.dtype)

    def _targets(self, y: Any, rows: int, name: str = "y") -> Array:
        """Targets as rows of n_L values; a label j becomes the j-th row of the identity matrix."""
        y = self._array(y, name)
        n = self.sizes[-1]
        if y.shape == (rows, n) and y.dtype == self.dtype:
            return y
        if y.shape == (rows, n) or (n == 1 and y.shape == (rows,)):
            return y.astype(self.dtype, copy=False).reshape(rows, n)
        if y.shape != (rows,) or y.dtype.kind not in "iu":
            raise ValueError(
                f"{name}: expected {rows} integer labels or an array of shape {(rows, n)}, got "
                f"shape {y.shape} and dtype {y.dtype}"
            )
        low, high = int(y.min()), int(y.max())
        if low < 0 or high >= n:
            raise ValueError(f"{name}: labels must be 0 to {n - 1}, got {low} to {high}")
        return self.be.xp.eye(n, dtype=self.dtype)[y]


def _is_count(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool) and bool(n > 0)
