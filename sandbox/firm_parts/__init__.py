"""The parts that `sandbox/firm.py` builds its truth from, one kind of object a file. Nothing outside imports them."""
