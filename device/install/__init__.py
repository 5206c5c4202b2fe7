"""`gaudi-box install`: library, header and tools where programs and runbooks look for the real ones.

layout.py says what lies where (pure), packages.py finds the Python packages that the tools need, manifest.py
remembers what was placed, placing.py does it, and command.py brings them together. Nothing that is not ours is ever
replaced or removed.
"""
