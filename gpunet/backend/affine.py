"""Affine maps of the rows of a matrix, and activations of them: products and what follows.

Each method is what a backend does that multiplies and then launches kernels. A backend whose
products can finish with a bias, an activation or a sum does the same in fewer steps.
"""

from __future__ import annotations

from typing import Any

__all__ = ["AffineMaps"]

_RELU = 1


class AffineMaps:
    """A part of `Backend`."""

    gemm: Any
    kernels: Any
    empty: Any
    zeros: Any
    contiguous: Any

    def affine(self, X: Any, W: Any, b: Any, act: int) -> Any:
        """``Y[r, n] = act(sum_k X[r, k] W[n, k] + b[n])``.

        Parameters
        ----------
        X : array of shape (R, K)
        W : array of shape (N, K)
        b : array of shape (N,), or None
        act : int
            As in the kernel ``bias_act_forward``.
        """
        Z = self.gemm(X, W.T)
        if b is not None:
            self.kernels.bias_act_forward(Z, self.contiguous(b), act, Z)
        elif act:
            self.kernels.bias_act_forward(Z, self.zeros(W.shape[:1], W.dtype), act, Z)
        return Z

    def affine_gradients(self, dZ: Any, X: Any, dW: Any, db: Any) -> tuple[Any, Any]:
        """``dW[n, k] = sum_r dZ[r, n] X[r, k]`` and ``db[n] = sum_r dZ[r, n]``.

        Parameters
        ----------
        dZ, X : C-contiguous array of shape (R, N), array of shape (R, K)
        dW, db : array of shape (N, K) and (N,), or None
            Where to write them; new arrays if None.
        """
        if db is None:
            db = self.empty(dZ.shape[1:], dZ.dtype)
        self.kernels.bias_act_backward(dZ, dZ, 0, dZ, db)
        return self.gemm(dZ.T, X, dW), db

    def activated(self, X: Any, W: Any, b: Any, act: int) -> tuple[Any, Any]:
        """``H[r, n] = act(sum_k X[r, k] W[n, k] + b[n])``, and what its gradient needs besides H.

        Parameters
        ----------
        X, W, b
            As in `affine`.
        act : int
            1 ReLU, or 7 GELU in the tanh form, as in the kernel ``activation_forward``.
        """
        if act == _RELU:
            return self.affine(X, W, b, act), None
        Z = self.affine(X, W, b, 0)
        H = self.empty(Z.shape, Z.dtype)
        self.kernels.activation_forward(Z.reshape(-1), act, 0.0, 0.0, H.reshape(-1))
        return H, Z

    def activated_gradients(
        self, dY: Any, W: Any, act: int, H: Any, kept: Any, db: Any
    ) -> tuple[Any, Any]:
        """``dZ[r, n] = (sum_k dY[r, k] W[k, n]) act'(Z[r, n])`` and ``db[n] = sum_r dZ[r, n]``.

        Parameters
        ----------
        dY, W : array of shape (R, K) and (K, N)
            The gradient of ``H W^T``, and W.
        act, H, kept
            As in `activated`, and what it returned.
        db : array of shape (N,), or None
            Where to write it.
        """
        dH = self.gemm(dY, W)
        if db is None:
            db = self.empty(dH.shape[1:], dH.dtype)
        if act == _RELU:
            self.kernels.bias_act_backward(dH, H, act, dH, db)
        else:
            # Not in place: the CPU has no SIMD code for arrays that overlap.
            arriving, dH = dH.reshape(-1), self.empty(dH.shape, dH.dtype)
            self.kernels.activation_backward(
                arriving, kept.reshape(-1), act, 0.0, 0.0, dH.reshape(-1)
            )
            self.kernels.bias_act_backward(dH, dH, 0, dH, db)
        return dH, db
