"""The enums that cublasLt shares with cuBLAS."""

from ._api import enum_of

ComputeType = enum_of("ComputeType")
Operation = enum_of("Operation")
