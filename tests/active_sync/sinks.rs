//! Sinks that are down, refuse, and work again.
