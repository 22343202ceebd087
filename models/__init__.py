"""The scoring core: features, imputation, score tables, reasons, policy. Values in, values out; no clock, no world."""
