"""The engine model: how long a step takes, who is in it, and what happens when memory runs out.

Pure: time and randomness come in as arguments, so that the simulated engine server, `paceline simulate`
and the tests all run the same code.
"""
