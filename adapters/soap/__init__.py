"""The soap adapter: a legacy system goes on calling the WSDL it was built against, at a new address."""

from adapters.soap.transport import adapter

__all__ = ["adapter"]
