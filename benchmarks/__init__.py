"""Benchmarks of gpunet against the peers that are installed: ``python -m benchmarks --help``."""
