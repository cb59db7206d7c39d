"""Training: one loop for all networks, resumable, with everything that results need as files."""
