"""A real small model on this machine: weights from the package index, served by llama.cpp's own HTTP server.

It is there to try the whole path on real input without a key: a real tokenizer, real latencies, real mistakes.
"""
