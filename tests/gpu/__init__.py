"""What only a CUDA machine can show, in the standard library's unittest.

``make gpu-check`` runs these tests, and then measures (`measures`), with nothing but torch, numpy,
h5py and safetensors installed; pytest finds the tests too. Without a CUDA device they are skipped.
"""
