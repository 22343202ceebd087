"""What `scoregate init` adds to a draft so that it answers at once: a policy, an integration and its examples."""
