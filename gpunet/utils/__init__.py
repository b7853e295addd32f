"""What training needs beside the network: `gpunet.utils.data`."""

from . import data

__all__ = ["data"]
