"""The parts that screens are made of: they paint lines and report keys, nothing else."""
