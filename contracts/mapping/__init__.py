"""Mapping: native trees to records, decisions to native trees, from one rule tree read out of integration.yaml."""
