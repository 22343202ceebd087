"""From a CSV to a draft: contract, training spec and what a person must decide. Nothing is guessed in silence: every
guess is a finding with its evidence and the line to edit."""
