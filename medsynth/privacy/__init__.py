"""Training with differential privacy for patients: the step, its budget and its checks."""
