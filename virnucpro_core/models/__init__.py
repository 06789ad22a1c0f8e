"""ESM-2 and DNABERT-S on packed tokens, the classifier, and the bundles that hold them.

Encoders take tokens laid end to end and ``cu_seqlens``, and never pad::

    bundle = load_bundle(Path("assets/demo"))
    encoder = bundle.load_encoder("protein")
    tokens = bundle.load_tokenizer("protein").tokenize(proteins)
    x = encoder(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets))  # [T, D]
"""

import lazy_loader

# What is public, and from where, stands in __init__.pyi. A module is imported when a name of it is
# first used, so that what needs no torch does not wait two seconds for it.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
