"""Files at the border of the pipeline, and nowhere else."""
