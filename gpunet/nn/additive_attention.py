"""Additive attention."""

from __future__ import annotations

from typing import Any

from ..functions.linalg import matmul
from ..functions.shape import squeeze, unsqueeze
from .functional.attention import masked_softmax
from .linear import Linear
from .module import Module

__all__ = ["AdditiveAttention"]


class AdditiveAttention(Module):
    """Each query's average of the values, by how well a small network finds the keys to fit::

        score[n, l, t] = v . tanh(W query[n, l] + U key[n, t] + b)
        weights[n, l]  = softmax(score[n, l])         over the keys t
        context[n, l]  = sum_t weights[n, l, t] value[n, t]

    Parameters
    ----------
    query_dim, key_dim : int
        Features of queries and keys.
    hidden_dim : int
        The length of v.
    bias : bool
        Whether there is a b. Default: True.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    query_proj, key_proj, score : Linear
        W with b, U, and v.

    Source: Bahdanau, Cho and Bengio, Neural Machine Translation by Jointly Learning to Align and
    Translate, 2015.
    """

    def __init__(
        self,
        query_dim: int,
        key_dim: int,
        hidden_dim: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.query_proj = Linear(query_dim, hidden_dim, bias, **place)
        self.key_proj = Linear(key_dim, hidden_dim, False, **place)
        self.score = Linear(hidden_dim, 1, False, **place)

    def forward(
        self,
        query: Any,
        keys: Any,
        values: Any = None,
        key_padding_mask: Any = None,
        projected_keys: Any = None,
    ) -> tuple[Any, Any]:
        """Attention of `query` to `keys`.

        Parameters
        ----------
        query : Tensor of shape (N, L, query_dim) or (N, query_dim)
        keys : Tensor of shape (N, T, key_dim)
        values : Tensor of shape (N, T, F), optional
            The keys by default.
        key_padding_mask : bool Tensor of shape (N, T), optional
            True for keys that do not count. Where none counts, weights and context are zeros.
        projected_keys : Tensor of shape (N, T, hidden_dim), optional
            ``self.key_proj(keys)``, for a decoder that asks about the same keys at every step.

        Returns
        -------
        context : Tensor of shape (N, L, F) or (N, F)
        weights : Tensor of shape (N, L, T) or (N, T)

        Raises
        ------
        RuntimeError
            If the shapes do not fit.
        """
        Q, K = query.array.shape, keys.array.shape
        values = keys if values is None else values
        if len(Q) not in (2, 3) or len(K) != 3 or Q[0] != K[0] or values.array.shape[:2] != K[:2]:
            raise RuntimeError(
                "AdditiveAttention: expected query, keys and values of shapes (N, L, ...) or "
                f"(N, ...), (N, T, ...) and (N, T, ...), got {Q}, {K} and {values.array.shape}"
            )
        keep = None
        if key_padding_mask is not None:
            mask = key_padding_mask.array
            if mask.dtype != bool or mask.shape != K[:2]:
                raise RuntimeError(
                    f"AdditiveAttention: key_padding_mask: expected truth values of shape {K[:2]}, "
                    f"got {mask.dtype} of shape {mask.shape}"
                )
            keep = ~mask[:, None]
        if len(Q) == 2:
            query = unsqueeze(query, 1)
        projected = self.key_proj(keys) if projected_keys is None else projected_keys
        hidden = (unsqueeze(self.query_proj(query), 2) + unsqueeze(projected, 1)).tanh()
        weights = masked_softmax(squeeze(self.score(hidden), -1), keep)
        context = matmul(weights, values)
        if len(Q) == 2:
            return squeeze(context, 1), squeeze(weights, 1)
        return context, weights
