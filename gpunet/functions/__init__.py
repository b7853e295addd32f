"""Functions of tensors, one file a family: what ``torch.*`` offers, over the pairs in `gpunet.ops`.

They take and return tensors, check their arguments, follow PyTorch's rules of type promotion, and
put the operation on the tape. `gpunet.tensor.Tensor` has them as methods.
"""
