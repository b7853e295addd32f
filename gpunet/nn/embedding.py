"""A table of vectors, one for each word, letter or thing."""

from __future__ import annotations

from typing import Any

from . import init
from .functional.embedding import embedding, row_of
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """``Y[..., d] = W[x[...], d]``, a row of the table for each index.

    Parameters
    ----------
    num_embeddings : int
        V, the number of rows.
    embedding_dim : int
        D, their length.
    padding_idx : int, optional
        A row that starts as zeros and gets no gradient; a negative one counts from the end.
    device, dtype : optional
        Of the table.

    Attributes
    ----------
    weight : Parameter of shape (V, D)
        Drawn from the standard normal distribution.

    Input of shape (...) gives output of shape (..., D).

    Raises
    ------
    ValueError
        If there is no row `padding_idx`.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else row_of(padding_idx, num_embeddings)
        self.weight = empty_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """A module with the table `embeddings`, a tensor of shape (V, D), whose memory it shares.

        Parameters
        ----------
        embeddings : Tensor of shape (V, D)
        freeze : bool
            Leave the table as it is in training. Default: True.
        padding_idx : int, optional
            A row that gets no gradient; it is not set to zero.

        Raises
        ------
        ValueError
            If `embeddings` has another number of axes.
        """
        if embeddings.array.ndim != 2:
            raise ValueError(
                f"embeddings: expected a tensor of shape (V, D), got shape {embeddings.shape}"
            )
        module = cls(0, 0, dtype=embeddings.array.dtype)
        module.num_embeddings, module.embedding_dim = embeddings.array.shape
        if padding_idx is not None:
            module.padding_idx = row_of(padding_idx, module.num_embeddings)
        module.weight = Parameter(embeddings, requires_grad=not freeze)
        return module

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0
            self.weight.mark_changed()

    def forward(self, input: Any) -> Any:
        return embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
