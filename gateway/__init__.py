"""The gateway: the one path from bytes to bytes, its integrations, its ledger and its doors to the world."""
