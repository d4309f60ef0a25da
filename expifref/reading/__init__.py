"""Reading a network from what its own `update` does.

One step of the module is traced with everything that has a state (neurons, filters, delays: the leaves) taken
out. What remains is the glue between them; it is checked to be affine, evaluated to matrices, and put
together as a `Description`, which is then run against the module itself.
"""
