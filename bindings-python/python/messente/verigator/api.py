"""The clients, where they were found before."""

from verigator import Api, AsyncApi, Verigator

__all__ = ["Api", "AsyncApi", "Verigator"]
