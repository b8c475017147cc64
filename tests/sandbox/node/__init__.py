"""The sandbox's node: a small virtual kubelet, see ``__main__``."""

from .processes import end_all

__all__ = ["end_all"]
