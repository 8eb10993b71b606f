"""The way to the wire: sockets in ``http`` alone, and the pure state machines that decide when to use them."""
