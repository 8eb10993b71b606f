"""What is measured: one declaration per metric, the arithmetic from stamps, and a run as columns."""
