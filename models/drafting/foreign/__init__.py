"""Contracts drafted from what others describe their data with: JSON Schema, Frictionless descriptors, a CSV itself."""
