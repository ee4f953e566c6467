"""apportion: neural architecture search for sharing patterns in multi-domain networks."""

__version__ = "0.1.0"
