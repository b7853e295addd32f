"""gpunet's kernels, each in up to three forms under one name: reference, cpu (Numba), cuda."""
