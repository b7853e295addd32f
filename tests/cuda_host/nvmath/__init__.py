"""A stand-in for nvmath-python, for tests: its bindings of cuBLASLt. See ../README.md."""

__version__ = "1.0.0+host"
__standin__ = True
