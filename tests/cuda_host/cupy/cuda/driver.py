"""``cupy.cuda.driver``: the error type."""


class CUDADriverError(RuntimeError):
    """An error code of the CUDA driver."""

    def __init__(self, status, text="CUDA driver error"):
        self.status = status
        super().__init__(text)
