"""``cupy._core``: what gpunet has no public name for."""
