"""Where the client was found before: the same classes as in ``verigator``. ``messente`` is a
namespace package, which other distributions share; it has no ``__init__``."""

from verigator import Api, AsyncApi, Verigator, __version__

__all__ = ["Api", "AsyncApi", "Verigator", "__version__"]
