"""The rest adapter: JSON over HTTP, for systems that can call and wait for the answer."""

from adapters.rest.transport import adapter

__all__ = ["adapter"]
