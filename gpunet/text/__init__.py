"""Texts and time series as arrays: vocabularies, TF-IDF weights, padding, buckets, windows."""

from __future__ import annotations

from .bleu import bleu
from .buckets import BucketBatchSampler
from .padding import mask_of, padded
from .series import Normalizer, windows
from .splitting import SPLITS, join, split
from .tfidf import TfIdf
from .vocabulary import Vocabulary

__all__ = [
    "SPLITS",
    "BucketBatchSampler",
    "Normalizer",
    "TfIdf",
    "Vocabulary",
    "bleu",
    "join",
    "mask_of",
    "padded",
    "split",
    "windows",
]
