"""Recipes: a model, its data and settings that work, each runnable with ``gpunet train NAME``."""

from __future__ import annotations

from importlib import import_module

from .recipe import Recipe, Settings

__all__ = ["RECIPES", "Recipe", "Settings", "UnknownRecipe", "load_recipe"]

#: The names of the recipes. ``mnist-mlp`` is ``RECIPE`` of the module ``mnist_mlp``.
RECIPES = (
    "digits",
    "ox",
    "mnist-mlp",
    "mnist-book",
    "mnist-cnn",
    "cifar-cnn",
    "denoise",
    "transfer",
    "banking77-bag",
    "banking77-gru",
    "airline",
    "weather",
    "shakespeare",
    "addition",
    "addition-reversed",
    "enja",
    "enja-transformer",
)


class UnknownRecipe(LookupError):
    """There is no recipe of that name."""


def load_recipe(name: str) -> Recipe:
    """The recipe `name`.

    Raises
    ------
    UnknownRecipe
        The message lists the recipes there are.
    """
    if name not in RECIPES:
        raise UnknownRecipe(f"unknown recipe {name!r}; there is: {', '.join(RECIPES)}")
    return import_module(f"{__name__}.{name.replace('-', '_')}").RECIPE
