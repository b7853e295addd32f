"""``nvmath.bindings``: cublas (enums only) and cublasLt."""
