"""Benchmarks of gpunet against the peers that are installed: ``gpunet bench --help``.

The folder is the package `gpunet.benchmarks`. What one side of a comparison runs in its own process
is loaded there by the name ``benchmarks`` (see `worker`), so that the process of a peer does not
import gpunet: imports inside of the folder are relative.
"""
