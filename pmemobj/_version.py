"""The version of the package; in a module of its own, since the rooms cannot import from the package itself."""

__version__ = "0.1.0"
