"""Reverse-mode gradients: nodes that compute them, added to the graph that they are of.

    loss = cross_entropy(g, logits, labels)
    dw, db = gradients(g, loss, (w, b))

Each operation has a rule, in elementwise.py, rows.py, moves.py or mme.py; reverse.py walks through them. A gradient has
the dims of its tensor and its type (bf16 for fp8); sums over repeated elements and norms are computed in fp32.
"""

from device.graph.gradients.reverse import gradients, with_gradients

__all__ = ["gradients", "with_gradients"]
