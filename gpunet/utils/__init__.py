"""What training needs beside the network: `gpunet.utils.data` and `gpunet.utils.checkpoint`."""

from . import checkpoint, data

__all__ = ["checkpoint", "data"]
